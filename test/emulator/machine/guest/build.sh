#!/bin/sh
# Builds the test guests of this folder into images/*.bin (flat, loaded at 0x100000) with gcc or clang.
# usage: test/emulator/machine/guest/build.sh [compiler]
set -e
cd "$(dirname "$0")"
compiler=${1:-gcc}
flags="-m32 -march=pentium -O1 -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -nostdlib -Wall"
mkdir -p ../images
temporary=$(mktemp -d)
trap 'rm -r "$temporary"' EXIT
for program in *.c; do
	name=${program%.c}
	[ "$name" = machine ] && continue
	"$compiler" $flags -Wl,-T,guest.ld -Wl,--build-id=none -Wl,-m,elf_i386,-z,noexecstack,--no-warn-rwx-segments -no-pie -o "$temporary/$name.elf" start.S machine.c "$program"
	objcopy -O binary "$temporary/$name.elf" "../images/$name.bin"
	echo "$name: $(wc -c < "../images/$name.bin") bytes, entry 0x$(nm "$temporary/$name.elf" | awk '$3 == "start" { print $1 }')"
done
