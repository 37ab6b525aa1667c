/*
 * As much of Linux as one statically linked program needs that computes, reads files and writes files: it runs beside this
 * in ring 0 of an emulated machine. Program and files come from the image that run.ts makes a disk of; everything written goes out through
 * the serial port as frames that run.ts reads: kind (u8), descriptor (u8), length (u32), bytes.
 */
#include <stddef.h>
#include <stdint.h>

enum { IMAGE = 0x8000000, STACK_TOP = 0x10000000, MAPS = 0x10000000, MAPS_END = 0x20000000 };
enum { COM1 = 0x3f8, DISK = 0x1f0, SECTOR = 512, MAX_FILES = 64, PAGE = 4096 };
enum { ENOENT = 2, EBADF = 9, ENOMEM = 12, EINVAL = 22, ENOSYS = 38 };

/*
 * The disk, which run.ts writes: this, then the program's memory, argc arguments and file_count times a name and data, each as
 * a length (u64) and bytes.
 */
typedef struct {
  uint64_t bytes, base, entry, program_headers, program_header_count, argc, file_count;
  unsigned char data[];
} image_header;

typedef struct {
  const unsigned char *data; /* NULL: for writing */
  uint64_t size, at;
  int open;
} file;

typedef struct {
  uint64_t number, a, b, c, d, e, f;
} call;

typedef struct {
  uint16_t low, segment, flags, middle;
  uint32_t high, reserved;
} gate;

extern const unsigned char faults[];
gate interrupts[32];
static file files[MAX_FILES];
static const unsigned char *arguments;
static uint64_t heap_end, map_end;

/* What compilers call though nobody wrote it. */
void *memset(void *to, int value, size_t bytes) {
  void *start = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
  return start;
}
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  void *start = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
  return start;
}

static void out(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static uint8_t in(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static void send(const void *data, uint64_t bytes) {
  const unsigned char *p = (const unsigned char *)data;
  for (uint64_t i = 0; i < bytes; i++) {
    while (!(in(COM1 + 5) & 0x20)) {
    }
    out(COM1, p[i]);
  }
}

static void frame(char kind, uint64_t descriptor, const void *data, uint64_t bytes) {
  const uint32_t length = (uint32_t)bytes;
  send(&kind, 1);
  send(&descriptor, 1);
  send(&length, 4);
  send(data, bytes);
}

/* The machine ends when this word has gone to this port. */
static _Noreturn void leave(void) {
  while (!(in(COM1 + 5) & 0x40)) {
  }
  for (const char *p = "Shutdown"; *p; p++) out(0x8900, (uint8_t)*p);
  for (;;) __asm__ volatile("hlt");
}

_Noreturn void kernel_fault(const uint64_t *stack) {
  frame('!', 0, stack, 48); /* vector, and what the processor pushed */
  leave();
}

static uint64_t length_of(const char *text) {
  uint64_t length = 0;
  while (text[length]) length++;
  return length;
}

static int same(const char *a, const unsigned char *b, uint64_t length) {
  for (uint64_t i = 0; i < length; i++)
    if ((unsigned char)a[i] != b[i]) return 0;
  return a[length] == 0;
}

/* A number and its bytes. */
static const unsigned char *next(const unsigned char **at, uint64_t *length) {
  memcpy(length, *at, 8);
  const unsigned char *data = *at + 8;
  *at = data + *length;
  return data;
}

static int64_t open_file(const char *path, uint64_t flags) {
  const image_header *image = (const image_header *)IMAGE;
  const unsigned char *at = arguments;
  uint64_t length, size;
  int64_t descriptor = 3;
  while (descriptor < MAX_FILES && files[descriptor].open) descriptor++;
  if (descriptor == MAX_FILES) return -ENOMEM;
  file *opened = &files[descriptor];
  if (flags & 3) {
    *opened = (file){NULL, 0, 0, 1};
    frame('o', (uint64_t)descriptor, path, length_of(path));
    return descriptor;
  }
  for (uint64_t i = 0; i < image->argc; i++) next(&at, &length);
  for (uint64_t i = 0; i < image->file_count; i++) {
    const unsigned char *name = next(&at, &length);
    const unsigned char *data = next(&at, &size);
    if (!same(path, name, length)) continue;
    *opened = (file){data, size, 0, 1};
    return descriptor;
  }
  return -ENOENT;
}

static int64_t read_file(file *from, uint64_t to, uint64_t bytes) {
  if (!from || !from->data) return -EBADF;
  if (bytes > from->size - from->at) bytes = from->size - from->at;
  memcpy((void *)to, from->data + from->at, bytes);
  from->at += bytes;
  return (int64_t)bytes;
}

static int64_t write_all(uint64_t descriptor, uint64_t data, uint64_t bytes) {
  frame('w', descriptor, (const void *)data, bytes);
  return (int64_t)bytes;
}

static int64_t map(uint64_t bytes, const file *from) {
  const uint64_t start = map_end, size = (bytes + PAGE - 1) / PAGE * PAGE;
  if (size > MAPS_END - map_end) return -ENOMEM;
  map_end += size;
  memset((void *)start, 0, size);
  if (from && from->data) memcpy((void *)start, from->data, bytes < from->size ? bytes : from->size);
  return (int64_t)start;
}

static int64_t move_break(uint64_t end) {
  if (end <= heap_end || end > IMAGE) return (int64_t)heap_end;
  memset((void *)heap_end, 0, end - heap_end);
  heap_end = end;
  return (int64_t)heap_end;
}

/* The words of struct stat that say: a file of this size. */
static int64_t status(const file *of, uint64_t to) {
  memset((void *)to, 0, 144);
  *(uint32_t *)(to + 24) = 0100644;
  *(uint64_t *)(to + 48) = of && of->data ? of->size : 0;
  *(uint64_t *)(to + 56) = PAGE;
  return 0;
}

/* arch_prctl(ARCH_SET_FS). */
static int64_t set_thread_pointer(uint64_t code, uint64_t address) {
  if (code != 0x1002) return -EINVAL;
  __asm__ volatile("wrmsr" : : "c"(0xc0000100), "a"((uint32_t)address), "d"((uint32_t)(address >> 32)));
  return 0;
}

/* Numbers of arch/x86/entry/syscalls/syscall_64.tbl. */
int64_t kernel_call(const call *c) {
  file *opened = c->a < MAX_FILES && files[c->a].open ? &files[c->a] : NULL;
  switch (c->number) {
    case 0: return read_file(opened, c->b, c->c);
    case 1: return write_all(c->a, c->b, c->c);
    case 3: return opened ? (opened->open = 0, 0) : -EBADF;
    case 5: return status(opened, c->b);
    case 8: return -EINVAL; /* lseek */
    case 9: return map(c->b, c->e < MAX_FILES && files[c->e].open ? &files[c->e] : NULL);
    case 10: return 0; /* mprotect */
    case 11: return 0; /* munmap */
    case 12: return move_break(c->a);
    case 20: { /* writev */
      int64_t bytes = 0;
      for (const uint64_t *part = (const uint64_t *)c->b, *end = part + 2 * c->c; part < end; part += 2)
        bytes += write_all(c->a, part[0], part[1]);
      return bytes;
    }
    case 83: return 0; /* mkdir */
    case 98: memset((void *)c->b, 0, 144); return 0; /* getrusage */
    case 158: return set_thread_pointer(c->a, c->b);
    case 228: memset((void *)c->b, 0, 16); return 0; /* clock_gettime */
    case 231: /* exit_group */
      frame('x', c->a, NULL, 0);
      leave();
    case 257: return open_file((const char *)c->b, c->c);
    case 262: return status(opened, c->c); /* newfstatat with an empty path */
    default: return -ENOSYS;
  }
}

/* Reads `count` sectors from `sector` on, one at a time (ATA, 28-bit addresses, no interrupts). */
static void read_sectors(uint64_t sector, uint64_t count, void *to) {
  for (; count > 0; sector++, count--) {
    out(DISK + 2, 1);
    out(DISK + 3, (uint8_t)sector);
    out(DISK + 4, (uint8_t)(sector >> 8));
    out(DISK + 5, (uint8_t)(sector >> 16));
    out(DISK + 6, (uint8_t)(0xe0 | sector >> 24));
    out(DISK + 7, 0x20);
    while ((in(DISK + 7) & 0x88) != 0x08) {
    }
    uint64_t words = SECTOR / 2;
    __asm__ volatile("rep insw" : "+D"(to), "+c"(words) : "d"((uint16_t)DISK) : "memory");
  }
}

typedef struct {
  uint64_t stack, entry;
} start;

/* The stack as the ABI of x86-64 wants it at entry: argc, argv, environment, auxiliary vector. */
start kernel_start(void) {
  const image_header *image = (const image_header *)IMAGE;
  out(COM1 + 3, 0x80); /* the fastest rate */
  out(COM1, 1);
  out(COM1 + 1, 0);
  out(COM1 + 3, 3);
  for (int i = 0; i < 32; i++) {
    const uint64_t at = (uint64_t)(faults + 16 * i);
    interrupts[i] = (gate){(uint16_t)at, 0x18, 0x8e00, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0};
  }
  files[0].open = files[1].open = files[2].open = 1;
  map_end = MAPS;

  read_sectors(0, 1, (void *)IMAGE);
  read_sectors(1, image->bytes / SECTOR, (void *)(IMAGE + SECTOR));
  const unsigned char *at = image->data;
  uint64_t length;
  const unsigned char *program = next(&at, &length);
  memcpy((void *)image->base, program, length);
  heap_end = (image->base + length + PAGE - 1) / PAGE * PAGE;
  arguments = at;

  const uint64_t auxiliary[] = {3, image->program_headers, 4, 56, 5, image->program_header_count, 6, PAGE,
                                9, image->entry, 23, 0, 25, STACK_TOP - 32, 0, 0};
  const uint64_t words = 1 + image->argc + 1 + 1 + sizeof auxiliary / 8;
  uint64_t *stack = (uint64_t *)((STACK_TOP - PAGE - words * 8) & ~(uint64_t)15), *word = stack;
  *word++ = image->argc;
  for (uint64_t i = 0; i < image->argc; i++) *word++ = (uint64_t)next(&at, &length);
  *word++ = 0;
  *word++ = 0;
  memcpy(word, auxiliary, sizeof auxiliary);
  return (start){(uint64_t)stack, image->entry};
}
