/* Labels of the kernel's own messages and of sigma0: X.2 manual chapters 6 and 7, Pistachio's ia32 values. */
#pragma once
#include "ipc.h"

/* Upper 12 bits of the label; the low 4 hold the access rights that were wanted, where it says so. */
#define L4_PROTOCOL_MASK 0xfff0u
#define L4_LABEL_INTERRUPT 0xfff0u  /* from an interrupt thread; answered by any message */
#define L4_LABEL_PAGE_FAULT 0xffe0u /* | rwx; MR1 address, MR2 instruction pointer */
#define L4_LABEL_EXCEPTION 0xffb0u  /* 12 words, see enum */
#define L4_LABEL_SIGMA0 0xffa0u     /* MR1 flexpage wanted, MR2 attributes, MR3 high address */
#define L4_LABEL_IO_FAULT 0xff80u   /* | rwx; MR1 I/O flexpage, MR2 instruction pointer */
#define L4_LABEL_SIGMA0_EXTENSION 0xc170u /* MR1 one of these, MR2 not 0 for an answer; from the initial servers only */

enum L4_Sigma0Extension {
  L4_SIGMA0_VERBOSITY = 1, /* accepted and ignored: this sigma0 has no console */
  L4_SIGMA0_DUMP = 2,
  L4_SIGMA0_SEAL = 3, /* ours: from now on nobody but the initial servers gets anything */
};

enum L4_ExceptionWord {
  L4_ExceptionEip = 1,
  L4_ExceptionEflags,
  L4_ExceptionNumber,
  L4_ExceptionErrorCode,
  L4_ExceptionEdi,
  L4_ExceptionEsi,
  L4_ExceptionEbp,
  L4_ExceptionEsp,
  L4_ExceptionEbx,
  L4_ExceptionEdx,
  L4_ExceptionEcx,
  L4_ExceptionEax,
  L4_ExceptionWords = 12,
};

/* Interrupt thread of a line: thread number = line, version 1. */
static inline L4_ThreadId_t L4_InterruptThread(L4_Word_t line) { return L4_GlobalId(line, 1); }

/* Base of a request to sigma0 for memory anywhere. */
#define L4_SIGMA0_ANYWHERE 0xfffffc00u
