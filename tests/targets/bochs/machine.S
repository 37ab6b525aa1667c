/*
 * The ROM of the emulated machine: from reset to long mode with AVX-512 on, one page table that maps 4 GiB onto themselves,
 * system calls and faults to kernel.c. Linked at 0xf0000, where the processor also sees the last 64 KiB below 4 GiB.
 */
#define TABLES 0x1000 /* two pages: the top table, and one of pages of 1 GiB */
#define KERNEL_STACK 0x80000

.section .reset, "ax"
.code16
  ljmp $0xf000, $(start - 0xf0000)
.fill 16 - (. - .reset), 1, 0

.text
.code16
start:
  cli
  lgdtl %cs:(gdt_pointer - 0xf0000)
  movl $1, %eax
  movl %eax, %cr0
  ljmpl $0x08, $protected

.code32
protected:
  movw $0x10, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  cld
  movl $TABLES, %edi
  xorl %eax, %eax
  movl $2048, %ecx
  rep stosl
  movl $(TABLES + 0x1003), TABLES
  movl $(TABLES + 0x1000), %edi
  movl $0x00000083, %eax /* present, writable, large */
1:
  movl %eax, (%edi)
  addl $8, %edi
  addl $0x40000000, %eax
  jnc 1b
  movl $TABLES, %eax
  movl %eax, %cr3
  movl $((1 << 5) | (1 << 9) | (1 << 10) | (1 << 18)), %eax /* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
  movl %eax, %cr4
  movl $0xc0000080, %ecx /* EFER: LME, SCE */
  movl $0x101, %eax
  xorl %edx, %edx
  wrmsr
  movl $((1 << 31) | (1 << 5) | (1 << 1) | 1), %eax /* PG, NE, MP, PE */
  movl %eax, %cr0
  ljmp $0x18, $long

.code64
long:
  xorl %ecx, %ecx
  movl $0xe7, %eax /* x87, SSE, AVX and the three parts of AVX-512 */
  xorl %edx, %edx
  xsetbv
  fninit
  movl $0xc0000081, %ecx /* STAR: code segment of system calls */
  xorl %eax, %eax
  movl $0x18, %edx
  wrmsr
  incl %ecx /* LSTAR */
  movl $system_call, %eax
  xorl %edx, %edx
  wrmsr
  movl $KERNEL_STACK, %esp
  call kernel_start /* fills the interrupt table; returns the stack of the program in rax, its entry in rdx */
  lidt interrupt_pointer
  movq %rax, %rsp
  xorl %ebp, %ebp
  movq %rdx, %rcx
  xorl %edx, %edx
  jmp *%rcx

/* All registers but rax, rcx and r11 are kept; the program's stack is not touched, it may have a red zone. */
system_call:
  movq %rsp, program_stack
  movl $KERNEL_STACK, %esp
  pushq %rcx
  pushq %r9
  pushq %r8
  pushq %r10
  pushq %rdx
  pushq %rsi
  pushq %rdi
  pushq %rax
  movq %rsp, %rdi
  call kernel_call
  addq $8, %rsp
  popq %rdi
  popq %rsi
  popq %rdx
  popq %r10
  popq %r8
  popq %r9
  popq %rcx
  movq program_stack, %rsp
  jmp *%rcx

/* Sixteen bytes each. */
.balign 16
.global faults
faults:
.set vector, 0
.rept 32
  pushq $vector
  jmp fault
  .balign 16
  .set vector, vector + 1
.endr
fault:
  movq %rsp, %rdi
  movl $KERNEL_STACK, %esp
  call kernel_fault

.section .rodata
.balign 8
gdt:
  .quad 0
  .quad 0x00cf9a000000ffff /* 0x08: code of 32 bits */
  .quad 0x00cf92000000ffff /* 0x10: data */
  .quad 0x00af9a000000ffff /* 0x18: code of 64 bits */
  .quad 0x00cf92000000ffff /* 0x20: data, where STAR expects it */
gdt_pointer:
  .word . - gdt - 1
  .long gdt
interrupt_pointer:
  .word 32 * 16 - 1
  .quad interrupts

.bss
program_stack:
  .quad 0

.section .note.GNU-stack, "", @progbits
