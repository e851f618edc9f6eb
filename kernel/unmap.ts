import type { KernelContext } from "./context.ts";
import { KernelEvent } from "./events.ts";
import * as flexpage from "./flexpage.ts";
import { unmapFlexpage } from "./mapping.ts";
import { setUtcbWord, utcbWord } from "./tcb.ts";
import { Tcb } from "./tcb-layout.ts";
import { messageRegister } from "./utcb.ts";

/**
 * Unmap (X.2 manual, section 4.2; ABI 6.7): revokes what others got from the caller's pages, with `flush` the caller's own
 * too. Each flexpage in MR0 … MRk comes back with its reference bits.
 */

const FLUSH = 1 << 6;

export function unmapSystemCall(k: KernelContext, caller: number): void {
  const control = k.load(caller + Tcb.eax);
  const space = k.spaceOf(caller);
  const last = control & 0x3f;
  setUtcbWord(k, caller, messageRegister(0), k.load(caller + Tcb.esi));
  for (let i = 0; i <= last; i++) {
    const raw = utcbWord(k, caller, messageRegister(i));
    k.record(KernelEvent.Unmap, k.load(caller + Tcb.globalId), raw);
    const status = unmapFlexpage(k, space, raw, (control & FLUSH) !== 0);
    setUtcbWord(k, caller, messageRegister(i), flexpage.withRights(raw, status));
  }
  k.store(caller + Tcb.esi, utcbWord(k, caller, messageRegister(0)));
}
