/*
 * The message loop of every replica: hello to the voter, then request, reply, request, reply. A replica hears the voter
 * only, and accepts no mappings.
 */
#include "l4.h"
#include "memory.h"
#include "replica.h"
#include "task-info.h"

#define MESSAGE_WORDS (L4_MESSAGE_REGISTERS - 1)

/* The message as it came, and the message as it goes: MR1 onwards. Named for the fault injector. */
u32 request[MESSAGE_WORDS];
u32 reply[MESSAGE_WORDS];

static u32 has_key;

static u32 set_key(u32 words) {
  if (words != 2 + KEY_WORDS) return SERVICE_BAD_REQUEST;
  has_key = aes_set_key((const u8 *)(request + 2), request[1]);
  return has_key ? SERVICE_OK : SERVICE_BAD_REQUEST;
}

static u32 run_chain(u32 operation, const u8 *input, u8 *output, u32 blocks) {
  for (u32 i = 0; i < blocks; i++) {
    aes_process(MODE_ECB, operation, input, input, output, 1);
    input = output;
    output += BLOCK_BYTES;
  }
  return SERVICE_OK;
}

static u32 run_records(u32 header, const u8 *input, u8 *output) {
  has_key = 0;
  for (u32 i = 0; i < header_blocks(header); i++) {
    if (!aes_set_key(input, header_key_bytes(header))) return SERVICE_BAD_REQUEST;
    aes_process(MODE_ECB, header_operation(header), input, input + KEY_WORDS * 4, output, 1);
    input += RECORD_WORDS * 4;
    output += BLOCK_BYTES;
  }
  return SERVICE_OK;
}

static u32 process(u32 words) {
  u32 header = request[1], data_words = request_data_words(header);
  const u8 *iv = (const u8 *)(request + 2), *input = (const u8 *)(request + 6);
  u8 *output = (u8 *)(reply + 2);
  if (data_words > ROUND_DATA_WORDS || words != 6 + data_words) return SERVICE_BAD_REQUEST;
  if (header_mode(header) == MODE_RECORDS) return run_records(header, input, output);
  if (!has_key) return SERVICE_NO_KEY;
  if (header_mode(header) == MODE_CHAIN)
    return run_chain(header_operation(header), input, output, header_blocks(header));
  aes_process(header_mode(header), header_operation(header), iv, input, output, header_blocks(header));
  return SERVICE_OK;
}

/* The request in `request` of so many words: fills `reply`, gives its words. */
static u32 serve(u32 label, u32 words) {
  u32 data_words = 0, status = SERVICE_BAD_REQUEST;
  if (label == LABEL_REPLICA_KEY) status = set_key(words);
  if (label == LABEL_REPLICA_REQUEST) {
    status = process(words);
    if (status == SERVICE_OK) data_words = header_blocks(request[1]) * BLOCK_WORDS;
  }
  reply[0] = request[0];
  reply[1] = status;
  return 2 + data_words;
}

int main(void) {
  const L4_ThreadId_t voter = thread_of_kind(TASK_VOTER);
  L4_Accept(L4_Nilpage);
  aes_start();
  L4_LoadMR(1, own_task()->index);
  L4_Set_MsgTag(L4_Tag(LABEL_REPLICA_HELLO, 1, 0));
  L4_MsgTag_t tag = L4_Call(voter);
  for (;;) {
    if (L4_IpcFailed(tag)) {
      tag = L4_Receive(voter);
      continue;
    }
    u32 words = minimum(L4_UntypedWords(tag), MESSAGE_WORDS);
    L4_StoreMRs(1, words, request);
    words = serve(L4_Label(tag), words);
    L4_LoadMRs(1, words, reply);
    L4_Set_MsgTag(L4_Tag(LABEL_REPLICA_REPLY, words, 0));
    tag = L4_Call(voter);
  }
}
