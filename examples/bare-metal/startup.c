/* From reset to main on a Cortex-M55 without an operating system, and the few words it says: semihosting. */
#include <stddef.h>
#include <stdint.h>

int main(void);
extern uint32_t stack_top[], bss_start[], bss_end[];

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, ADP_STOPPED_APPLICATION_EXIT = 0x20026 };

static int semihost(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void print(const char *text) { semihost(SYS_WRITE0, text); }

static _Noreturn void leave(int status) {
  const uint32_t reason[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};
  semihost(SYS_EXIT_EXTENDED, reason);
  for (;;) {
  }
}

void fault(void) {
  print("fault\n");
  leave(3);
}

/* The floating-point unit is off after reset: on before any function that may keep something in its registers. */
__attribute__((naked)) void reset(void) {
  __asm__ volatile(
      "ldr r0, =0xe000ed88\n" /* CPACR */
      "ldr r1, [r0]\n"
      "orr r1, r1, #0xf00000\n"
      "str r1, [r0]\n"
      "dsb\n"
      "isb\n"
      "b start\n"
      ".ltorg\n");
}

__attribute__((used)) _Noreturn void start(void) {
  for (uint32_t *word = bss_start; word < bss_end; word++) *word = 0;
  leave(main());
}

/* What compilers call though nobody wrote it. */
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  volatile unsigned char *target = (volatile unsigned char *)to;
  const unsigned char *source = (const unsigned char *)from;
  for (size_t i = 0; i < bytes; i++) target[i] = source[i];
  return to;
}
void *memset(void *to, int value, size_t bytes) {
  volatile unsigned char *target = (volatile unsigned char *)to;
  for (size_t i = 0; i < bytes; i++) target[i] = (unsigned char)value;
  return to;
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const union {
  const void *stack;
  handler call;
} vectors[16] = {{.stack = stack_top}, {.call = reset}, {.call = fault}, {.call = fault},
                 {.call = fault},      {.call = fault}, {.call = fault}, {.call = fault}};
