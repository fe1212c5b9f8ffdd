/*
 * Lets User-Mode Linux run on processors with larger registers than it knows: preloaded into it, it makes up the difference. The
 * kernel takes a process's extended registers as a whole or not at all, and a guest kernel of before AMX offers 2,696 octets
 * where such a processor has 11,008; it then ends its first process with a violation. What the guest does not offer is left as it is:
 * no program in it can use what its kernel does not know.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

static long (*real_ptrace)(enum __ptrace_request, pid_t, void *, void *);
/* The guest's kernel is one thread where its processes are concerned. */
static unsigned char whole[1 << 16];

__attribute__((constructor)) static void start(void) { real_ptrace = dlsym(RTLD_NEXT, "ptrace"); }

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *), *data = va_arg(arguments, void *);
    va_end(arguments);
    if ((request != PTRACE_GETREGSET && request != PTRACE_SETREGSET) || address != (void *)NT_X86_XSTATE)
        return real_ptrace(request, pid, address, data);

    struct iovec *part = data, all = {whole, sizeof whole};
    if (real_ptrace(PTRACE_GETREGSET, pid, address, &all) < 0)
        return -1;
    if (part->iov_len > all.iov_len)
        part->iov_len = all.iov_len;
    if (request == PTRACE_GETREGSET) {
        memcpy(part->iov_base, whole, part->iov_len);
        return 0;
    }
    memcpy(whole, part->iov_base, part->iov_len);
    return real_ptrace(PTRACE_SETREGSET, pid, address, &all);
}
