/*
 * Messages between the guests. Untyped words only: nothing but copies of words ever travels from a replica.
 * A request to the vote and a request to a replica carry the same words after the sequence number.
 */
#pragma once
#include "boot-config.h"

/* Message labels. The kernel's own are 0xffb0 and above (l4/protocols.h). */
enum service_label {
  LABEL_CONSOLE_WRITE = 0x0101, /* MR1 bytes, MR2.. text */
  LABEL_CONSOLE_DRAIN = 0x0102, /* answered with the same label when the last bit has left the UART */
  LABEL_CLIENT_DONE = 0x0201,   /* client to root: MR1 workload status */
  LABEL_TRAPPED = 0x0202,       /* root to voter: MR1 replica index */
  LABEL_SECOND_THREAD = 0x0203, /* task to root: MR1 ip, MR2 sp; answered with MR1 thread id, nilthread when refused */
  LABEL_VOTE_KEY = 0x0301,      /* client to voter: MR1 header, MR2..MR9 key */
  LABEL_VOTE_REQUEST = 0x0302,  /* client to voter: MR1 header, MR2..MR5 iv, MR6.. data */
  LABEL_VOTE_REPLY = 0x0303,    /* voter to client: MR1 service status, MR2.. data */
  LABEL_VOTE_END = 0x0304,      /* client to voter: no more work; answered with LABEL_VOTE_REPLY */
  LABEL_REPLICA_KEY = 0x0401,     /* voter to replica: MR1 sequence, MR2 header, MR3..MR10 key */
  LABEL_REPLICA_REQUEST = 0x0402, /* voter to replica: MR1 sequence, MR2 header, MR3..MR6 iv, MR7.. data */
  LABEL_REPLICA_REPLY = 0x0403,   /* replica to voter: MR1 sequence, MR2 service status, MR3.. data */
  LABEL_REPLICA_HELLO = 0x0404,   /* replica to voter: ready, has no key */
};

enum service_status { SERVICE_OK = 0, SERVICE_BAD_REQUEST = 1, SERVICE_NO_KEY = 2, SERVICE_NO_MAJORITY = 3 };

#define BLOCK_BYTES 16u
#define BLOCK_WORDS 4u
#define KEY_WORDS 8u
#define ROUND_BLOCKS 14u        /* most blocks of one request: 56 of the 63 words */
#define RECORD_WORDS 12u        /* key and block of MODE_RECORDS */
#define ROUND_RECORDS 4u
#define ROUND_DATA_WORDS (ROUND_BLOCKS * BLOCK_WORDS)

/* Header of a key: the key's bytes. Header of a request: mode, operation, output blocks, key bytes (records only). */
static inline u32 request_header(u32 mode, u32 operation, u32 blocks, u32 key_bytes) {
  return mode | operation << 8 | blocks << 16 | key_bytes << 24;
}
static inline u32 header_mode(u32 header) { return header & 0xff; }
static inline u32 header_operation(u32 header) { return header >> 8 & 0xff; }
static inline u32 header_blocks(u32 header) { return header >> 16 & 0xff; }
static inline u32 header_key_bytes(u32 header) { return header >> 24; }

/* Words of input data that a request with this header carries; 0xffffffff when the header itself is wrong. */
static inline u32 request_data_words(u32 header) {
  u32 blocks = header_blocks(header), mode = header_mode(header);
  if (header_operation(header) > OPERATION_DECRYPT || blocks == 0 || blocks > ROUND_BLOCKS) return ~0u;
  if (mode <= MODE_CBC) return blocks * BLOCK_WORDS;
  if (mode == MODE_CHAIN) return BLOCK_WORDS;
  if (mode == MODE_RECORDS && blocks <= ROUND_RECORDS) return blocks * RECORD_WORDS;
  return ~0u;
}
