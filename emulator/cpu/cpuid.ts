/** CPUID of this machine: a P54C without what it does not implement (Intel AP-485). */
import type { Cpu } from "./cpu.ts";
import { Word } from "./state.ts";

/** Family 5, model 2, stepping 12. */
export const CPU_SIGNATURE = 0x52c;

/** Feature flags that are true here: FPU, PSE, TSC, MSR, MCE (registers only), CX8. No VME, no DE. */
export const CPU_FEATURES = (1 << 0) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 7) | (1 << 8);

/** CPUID: leaf in EAX; leaves above 1 give what leaf 1 gives, as on a P5. */
export function cpuid(cpu: Cpu): void {
  const { words } = cpu;
  if (words[Word.Eax] === 0) {
    words[Word.Eax] = 1;
    words[Word.Ebx] = 0x756e6547; // "Genu"
    words[Word.Edx] = 0x49656e69; // "ineI"
    words[Word.Ecx] = 0x6c65746e; // "ntel"
    return;
  }
  words[Word.Eax] = CPU_SIGNATURE;
  words[Word.Ebx] = 0;
  words[Word.Ecx] = 0;
  words[Word.Edx] = CPU_FEATURES;
}
