import { describe, expect, it } from "vitest";
import { DATA, Guest, STACK } from "./guest.ts";

const guest = new Guest();

describe("MOV, MOVZX, MOVSX, LEA, XCHG, BSWAP, XLAT", () => {
  it("MOV of every form takes 1 clock and changes no flags", () => {
    const outcome = guest.run(
      `b8 78 56 34 12       ; mov eax, 0x12345678
       89 c3                ; mov ebx, eax
       88 fc                ; mov ah, bh
       a3 00 20 00 00       ; mov [0x2000], eax
       8a 0d 03 20 00 00    ; mov cl, [0x2003]
       66 c7 05 02 20 00 00 cd ab ; mov word [0x2002], 0xabcd
       c6 05 00 20 00 00 ef ; mov byte [0x2000], 0xef`,
      { flags: "oszapc" },
    );
    expect(outcome).toMatchObject({ eax: 0x12345678, ebx: 0x12345678, ecx: 0x12, flags: "oszapc", cycles: 7 });
    expect(guest.word(DATA)).toBe(0xabcd56ef);
  });

  it("MOVZX and MOVSX extend bytes and words, from registers and memory (3 clocks)", () => {
    const memory = { [DATA]: 0x8081 };
    expect(guest.run("0f b6 c7 ; movzx eax, bh", { eax: -1 >>> 0, ebx: 0x8180 })).toMatchObject({
      eax: 0x81,
      cycles: 3,
    });
    expect(guest.run("0f be c3 ; movsx eax, bl", { ebx: 0x80 })).toMatchObject({ eax: 0xffffff80 });
    expect(guest.run("0f b7 05 00 20 00 00 ; movzx eax, word [0x2000]", { memory })).toMatchObject({ eax: 0x8081 });
    expect(guest.run("0f bf 05 00 20 00 00 ; movsx eax, word [0x2000]", { memory })).toMatchObject({ eax: 0xffff8081 });
    expect(guest.run("66 0f be 05 00 20 00 00 ; movsx ax, byte [0x2000]", { eax: 0x11110000, memory })).toMatchObject({
      eax: 0x1111ff81,
    });
    expect(guest.run("66 0f b6 c3 ; movzx ax, bl", { eax: 0x11112222, ebx: 0xff })).toMatchObject({ eax: 0x111100ff });
  });

  it("LEA computes an address and touches no memory; 16-bit addresses wrap at 64 KiB", () => {
    expect(guest.run("8d 84 b3 f0 ff ff ff ; lea eax, [ebx+esi*4-16]", { ebx: 0x100, esi: 5 })).toMatchObject({
      eax: 0x104,
      cycles: 1,
    });
    expect(guest.run("67 8d 40 10 ; lea eax, [bx+si+0x10]", { ebx: 0xfff8, esi: 0x7000a })).toMatchObject({
      eax: 0x12,
    });
    expect(guest.run("66 8d 43 01 ; lea ax, [ebx+1]", { eax: 0x99990000, ebx: 0xffff })).toMatchObject({
      eax: 0x99990000,
    });
  });

  it("XCHG takes 2 clocks with EAX, 3 otherwise, and exchanges halves of one register", () => {
    expect(guest.run("93 ; xchg eax, ebx", { eax: 1, ebx: 2 })).toMatchObject({ eax: 2, ebx: 1, cycles: 2 });
    expect(guest.run("86 e0 ; xchg al, ah", { eax: 0x1234 })).toMatchObject({ eax: 0x3412, cycles: 3 });
    expect(guest.run("87 05 00 20 00 00 ; xchg [0x2000], eax", { eax: 5, memory: { [DATA]: 6 } })).toMatchObject({
      eax: 6,
    });
    expect(guest.word(DATA)).toBe(5);
  });

  it("BSWAP reverses the bytes; CWDE, CDQ, CBW, CWD extend the accumulator", () => {
    expect(guest.run("0f c8 ; bswap eax", { eax: 0x12345678 })).toMatchObject({ eax: 0x78563412, cycles: 1 });
    expect(guest.run("98 ; cwde", { eax: 0x00018000 })).toMatchObject({ eax: 0xffff8000, cycles: 3 });
    expect(guest.run("99 ; cdq", { eax: 0x80000000 })).toMatchObject({ edx: 0xffffffff, cycles: 2 });
    expect(guest.run("66 98 ; cbw", { eax: 0x12345680 })).toMatchObject({ eax: 0x1234ff80 });
    expect(guest.run("66 99 ; cwd", { eax: 0x8000, edx: 0x55550000 })).toMatchObject({ edx: 0x5555ffff });
  });

  it("XLAT reads the table at EBX + AL", () => {
    expect(guest.run("d7 ; xlatb", { eax: 0xff000002, ebx: DATA, memory: { [DATA]: 0x44332211 } })).toMatchObject({
      eax: 0xff000033,
      cycles: 4,
    });
  });

  it("reads and writes unaligned words across a page boundary", () => {
    const outcome = guest.run("89 03 ; mov [ebx], eax\n 8b 0b ; mov ecx, [ebx]", { eax: 0xa1b2c3d4, ebx: 0x2ffe });
    expect(outcome.ecx).toBe(0xa1b2c3d4);
    expect(guest.word(0x2ffc) >>> 16).toBe(0xc3d4);
    expect(guest.word(0x3000) & 0xffff).toBe(0xa1b2);
  });
});

describe("PUSH and POP", () => {
  it("PUSH ESP pushes the value before the push; POP ESP keeps what it read", () => {
    expect(guest.run("54 ; push esp")).toMatchObject({ esp: STACK - 4, cycles: 1 });
    expect(guest.word(STACK - 4)).toBe(STACK);
    expect(guest.run("5c ; pop esp", { memory: { [STACK]: 0x1234 } })).toMatchObject({ esp: 0x1234 });
  });

  it("PUSH imm8 sign-extends; PUSH memory takes 2 clocks, POP memory 3", () => {
    guest.run("6a fe ; push -2");
    expect(guest.word(STACK - 4)).toBe(0xfffffffe);
    expect(guest.run("ff 35 00 20 00 00 ; push dword [0x2000]", { memory: { [DATA]: 9 } }).cycles).toBe(2);
    expect(guest.run("8f 05 00 20 00 00 ; pop dword [0x2000]", { memory: { [STACK]: 17 } }).cycles).toBe(3);
    expect(guest.word(DATA)).toBe(17);
  });

  it("POP to [ESP] uses the pointer after the increment", () => {
    guest.run("8f 04 24 ; pop dword [esp]", { memory: { [STACK]: 0x77, [STACK + 4]: 0 } });
    expect(guest.word(STACK + 4)).toBe(0x77);
  });

  it("16-bit PUSH and POP move ESP by two", () => {
    expect(guest.run("66 50 ; push ax\n 66 5b ; pop bx", { eax: 0x11112222, ebx: 0x33330000 })).toMatchObject({
      ebx: 0x33332222,
      esp: STACK,
    });
    expect(guest.run("66 6a 80 ; push word -128")).toMatchObject({ esp: STACK - 2 });
  });

  it("PUSHAD and POPAD keep all registers but the pushed ESP (5 clocks each)", () => {
    const registers = { eax: 1, ecx: 2, edx: 3, ebx: 4, ebp: 6, esi: 7, edi: 8 };
    expect(guest.run("60 ; pushad", registers)).toMatchObject({ esp: STACK - 32, cycles: 5 });
    expect(guest.word(STACK - 20)).toBe(STACK);
    expect(
      guest.run("60 ; pushad\n 31 c0 ; xor eax, eax\n 31 ff ; xor edi, edi\n 61 ; popad", registers),
    ).toMatchObject({
      ...registers,
      esp: STACK,
    });
  });

  it("PUSHFD clears RF and VM in the image; POPFD at level 0 changes IOPL and IF", () => {
    guest.run("68 03 32 04 00 ; push 0x43203\n 9d ; popfd\n 9c ; pushfd");
    expect(guest.word(STACK - 4)).toBe(0x43203);
  });

  it("LAHF and SAHF carry SF ZF AF PF CF through AH", () => {
    expect(guest.run("9f ; lahf", { flags: "oszapc" })).toMatchObject({ eax: 0xd700, cycles: 2 });
    expect(guest.run("9e ; sahf", { eax: 0xff00, flags: "o" })).toMatchObject({ flags: "oszapc" });
    expect(guest.run("9e ; sahf", { eax: 0x0000, flags: "oszapc" })).toMatchObject({ flags: "o" });
  });

  it("ENTER 16, 0 and LEAVE make and drop a frame (11 and 3 clocks)", () => {
    expect(guest.run("c8 10 00 00 ; enter 16, 0", { ebp: 0xbbbb })).toMatchObject({
      ebp: STACK - 4,
      esp: STACK - 20,
      cycles: 11,
    });
    expect(guest.word(STACK - 4)).toBe(0xbbbb);
    expect(guest.run("c8 10 00 00 ; enter 16, 0\n c9 ; leave", { ebp: 0xbbbb })).toMatchObject({
      ebp: 0xbbbb,
      esp: STACK,
      cycles: 14,
    });
  });

  it("ENTER with levels copies the display: 15 clocks for one level, 15 + 2L for more", () => {
    const memory = { 28668: 0xaaaa, 28664: 0xbbbb };
    expect(guest.run("c8 00 00 01 ; enter 0, 1", { ebp: 0x7000 }).cycles).toBe(15);
    expect(guest.run("c8 08 00 03 ; enter 8, 3", { ebp: 0x7000, memory })).toMatchObject({
      ebp: STACK - 4,
      esp: STACK - 24,
      cycles: 21,
    });
    expect([guest.word(STACK - 8), guest.word(STACK - 12), guest.word(STACK - 16)]).toEqual([
      0xaaaa,
      0xbbbb,
      STACK - 4,
    ]);
  });
});

describe("flag control", () => {
  it("CLC, STC, CMC change CF and keep OF (2 clocks each)", () => {
    expect(guest.run("f9 ; stc", { flags: "o" })).toMatchObject({ flags: "oc", cycles: 2 });
    expect(guest.run("f5 ; cmc", { flags: "oc" })).toMatchObject({ flags: "o" });
    expect(guest.run("f8 ; clc", { flags: "zc" })).toMatchObject({ flags: "z" });
  });

  it("CLD and STD change DF; SALC copies CF into AL", () => {
    expect(guest.run("fd ; std", { flags: "c" })).toMatchObject({ flags: "dc", cycles: 2 });
    expect(guest.run("fc ; cld", { flags: "d" })).toMatchObject({ flags: "" });
    expect(guest.run("d6 ; salc", { eax: 0x1200, flags: "c" })).toMatchObject({ eax: 0x12ff, flags: "c" });
  });
});
