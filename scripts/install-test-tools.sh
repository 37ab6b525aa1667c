#!/usr/bin/env bash
# Installs what the tests of every target need and this machine lacks: compilers, cross compilers, emulators (Debian, Ubuntu;
# as root). What cannot be installed is named; the tests that need it are skipped and say so.
set -uo pipefail

updated=
need() { # program, Debian package
  command -v "$1" >/dev/null 2>&1 && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "$1 is missing (Debian package $2); tests that need it are skipped" >&2
    return
  fi
  echo "installing $2" >&2
  apt-get install -y --no-install-recommends $2 >/dev/null 2>&1 && return
  [ -n "$updated" ] || { apt-get update >/dev/null 2>&1 && updated=yes; }
  apt-get install -y --no-install-recommends $2 >/dev/null 2>&1 ||
    echo "$2 cannot be installed; tests that need $1 are skipped" >&2
}

need cc gcc
need c++ g++
need make make
need cmake cmake
need clang-19 clang-19
[ -e /usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.asan-$(uname -m).a ] || need clang-sanitizers libclang-rt-19-dev
need wasm-ld-19 lld-19
need aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
need riscv64-linux-gnu-gcc "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"
need qemu-aarch64 qemu-user
need arm-none-eabi-gcc "gcc-arm-none-eabi libnewlib-arm-none-eabi"
need qemu-system-arm qemu-system-arm
need bochs "bochs bochsbios bochs-term"
need chromium chromium
[ -e /usr/include/wasm32-wasi/stdio.h ] || need wasm32-wasi-libc "wasi-libc libclang-rt-19-dev-wasm32"
