/*
 * The client: takes the workload that the host put into memory through the voter, in rounds of at most 14 blocks, and
 * writes the answers back. Modes chain blocks (NIST SP 800-38A): within a round the replicas do it; from one round to the
 * next the client carries the counter or the last ciphertext block over.
 */
#include "l4.h"
#include "memory.h"
#include "service.h"
#include "task-info.h"

/* Longer than any round of the vote can last, so that a dead voter ends the run and does not hang it. */
#define PATIENCE_ROUNDS 64u
#define PATIENCE_LEAST_US 1000000u

static struct workload *work;
static L4_ThreadId_t voter;
static L4_Time_t patience;

/* The message in the message registers goes to the voter; SERVICE_OK when its answer carries `words` words of data. */
static u32 ask(L4_MsgTag_t tag, u32 words) {
  u32 status;
  L4_Set_MsgTag(tag);
  tag = L4_Call_Timeouts(voter, patience, patience);
  if (L4_IpcFailed(tag)) return SERVICE_NO_MAJORITY;
  if (L4_Label(tag) != LABEL_VOTE_REPLY || L4_UntypedWords(tag) < 1) return SERVICE_BAD_REQUEST;
  L4_StoreMR(1, &status);
  if (status == SERVICE_OK && L4_UntypedWords(tag) != 1 + words) return SERVICE_BAD_REQUEST;
  return status;
}

static u32 send_key(void) {
  u32 words[KEY_WORDS];
  memcpy(words, work->key, sizeof words);
  L4_LoadMR(1, work->key_bytes);
  L4_LoadMRs(2, KEY_WORDS, words);
  return ask(L4_Tag(LABEL_VOTE_KEY, 1 + KEY_WORDS, 0), 0);
}

/* One round: `input` has the words that the header calls for, `output` gets header_blocks(header) blocks. */
static u32 send_request(u32 header, const u32 *iv, const u32 *input, u32 *output) {
  u32 words = request_data_words(header), output_words = header_blocks(header) * BLOCK_WORDS;
  L4_LoadMR(1, header);
  L4_LoadMRs(2, BLOCK_WORDS, iv);
  L4_LoadMRs(6, words, input);
  u32 status = ask(L4_Tag(LABEL_VOTE_REQUEST, 5 + words, 0), output_words);
  work->rounds++;
  if (status == SERVICE_OK) {
    L4_StoreMRs(2, output_words, output);
    work->output_bytes += output_words * 4;
  }
  return status;
}

/* SP 800-38A appendix B.1: the counter block is one big-endian number. */
static void advance_counter(u32 *iv, u32 blocks) {
  u8 *bytes = (u8 *)iv;
  u32 carry = blocks;
  for (u32 i = BLOCK_BYTES; i > 0 && carry > 0; i--) {
    carry += bytes[i - 1];
    bytes[i - 1] = carry;
    carry >>= 8;
  }
}

static u32 run_blocks(const u32 *input, u32 *output) {
  u32 iv[BLOCK_WORDS];
  memcpy(iv, work->iv, sizeof iv);
  for (u32 left = work->input_bytes / BLOCK_BYTES; left > 0;) {
    u32 blocks = minimum(left, ROUND_BLOCKS), words = blocks * BLOCK_WORDS;
    u32 status = send_request(request_header(work->mode, work->operation, blocks, 0), iv, input, output);
    if (status != SERVICE_OK) return status;
    if (work->mode == MODE_CTR) advance_counter(iv, blocks);
    if (work->mode == MODE_CBC)
      memcpy(iv, (work->operation == OPERATION_ENCRYPT ? output : input) + words - BLOCK_WORDS, sizeof iv);
    input += words;
    output += words;
    left -= blocks;
  }
  return SERVICE_OK;
}

static u32 run_chain(const u32 *input, u32 *output) {
  static const u32 no_iv[BLOCK_WORDS];
  for (u32 left = work->iterations; left > 0;) {
    u32 blocks = minimum(left, ROUND_BLOCKS);
    u32 status = send_request(request_header(MODE_CHAIN, work->operation, blocks, 0), no_iv, input, output);
    if (status != SERVICE_OK) return status;
    output += blocks * BLOCK_WORDS;
    input = output - BLOCK_WORDS;
    left -= blocks;
  }
  return SERVICE_OK;
}

static u32 run_records(const u32 *input, u32 *output) {
  static const u32 no_iv[BLOCK_WORDS];
  for (u32 left = work->input_bytes / 4 / RECORD_WORDS; left > 0;) {
    u32 records = minimum(left, ROUND_RECORDS);
    u32 header = request_header(MODE_RECORDS, work->operation, records, work->key_bytes);
    u32 status = send_request(header, no_iv, input, output);
    if (status != SERVICE_OK) return status;
    input += records * RECORD_WORDS;
    output += records * BLOCK_WORDS;
    left -= records;
  }
  return SERVICE_OK;
}

/* [offset, offset + bytes) lies inside the workload, behind its header, on whole words. */
static u32 inside(u32 offset, u32 bytes) {
  u32 total = TASK_INFO->shared_bytes;
  return offset >= sizeof *work && offset % 4 == 0 && offset <= total && bytes <= total - offset;
}

static u32 well_formed(void) {
  u32 blocks;
  if (TASK_INFO->shared_bytes < sizeof *work || work->magic != WORKLOAD_MAGIC || work->version != BOOT_DATA_VERSION)
    return 0;
  if (work->key_bytes != 16 && work->key_bytes != 24 && work->key_bytes != 32) return 0;
  if (work->operation > OPERATION_DECRYPT || !inside(work->input_offset, work->input_bytes)) return 0;
  switch (work->mode) {
    case MODE_ECB:
    case MODE_CTR:
    case MODE_CBC:
      if (work->input_bytes % BLOCK_BYTES != 0) return 0;
      blocks = work->input_bytes / BLOCK_BYTES;
      break;
    case MODE_CHAIN:
      if (work->input_bytes != BLOCK_BYTES) return 0;
      blocks = work->iterations;
      break;
    case MODE_RECORDS:
      if (work->input_bytes % (RECORD_WORDS * 4) != 0) return 0;
      blocks = work->input_bytes / (RECORD_WORDS * 4);
      break;
    default: return 0;
  }
  return blocks <= work->output_capacity / BLOCK_BYTES && inside(work->output_offset, blocks * BLOCK_BYTES);
}

static u32 run(void) {
  const u32 *input = (const u32 *)((u8 *)work + work->input_offset);
  u32 *output = (u32 *)((u8 *)work + work->output_offset);
  if (work->mode == MODE_RECORDS) return run_records(input, output);
  u32 status = send_key();
  if (status != SERVICE_OK) return status;
  return work->mode == MODE_CHAIN ? run_chain(input, output) : run_blocks(input, output);
}

int main(void) {
  work = (struct workload *)TASK_INFO->shared_address;
  voter = thread_of_kind(TASK_VOTER);
  u32 deadline = minimum(TASK_INFO->config.deadline_us, (~0u - PATIENCE_LEAST_US) / PATIENCE_ROUNDS);
  patience = L4_TimePeriod(deadline * PATIENCE_ROUNDS + PATIENCE_LEAST_US);
  L4_Accept(L4_Nilpage);

  u32 result = STATUS_BAD_REQUEST;
  if (well_formed()) {
    u32 status = run();
    result = status == SERVICE_OK ? STATUS_DONE : status == SERVICE_NO_MAJORITY ? STATUS_NO_MAJORITY : STATUS_BAD_REQUEST;
    work->status = result;
    ask(L4_Tag(LABEL_VOTE_END, 0, 0), 0);
  } else if (TASK_INFO->shared_bytes >= sizeof *work) {
    work->status = result;
  }
  L4_LoadMR(1, result);
  L4_Set_MsgTag(L4_Tag(LABEL_CLIENT_DONE, 1, 0));
  L4_Call(TASK_INFO->root);
  return 0;
}
