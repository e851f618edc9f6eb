#!/bin/sh
# Runs the test guests in QEMU and keeps what they print, without the timer's dots, as images/*.txt: the golden outputs.
# usage: test/emulator/machine/guest/golden.sh [qemu-system-i386]
set -e
cd "$(dirname "$0")/../images"
qemu=${1:-qemu-system-i386}
for image in *.bin; do
	name=${image%.bin}
	"$qemu" -M isapc -cpu pentium -m 32 -display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 \
		-serial "file:$name.serial" -kernel "$image" || true
	tr -d '.' < "$name.serial" > "$name.txt"
	rm "$name.serial"
done
"$qemu" --version | head -1
