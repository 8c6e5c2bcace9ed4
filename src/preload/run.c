/* SPDX-License-Identifier: MIT */
/*
 * Loaded into other people's programs by LD_PRELOAD: their TCP sockets become MPTCP sockets.
 *
 * Only socket() is replaced, and only calls that ask for a TCP stream over IPv4 or IPv6. What differs
 * for the program afterwards is left as the kernel has it: SO_PROTOCOL says 262, and a few options
 * (TCP_USER_TIMEOUT, TCP_QUICKACK, TCP_SYNCNT, TCP_LINGER2, TCP_WINDOW_CLAMP) fail with ENOPROTOOPT,
 * which programs take as "not on this system". A peer without MPTCP is reached over plain TCP: the
 * kernel falls back by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

enum { PROTOCOL_MPTCP = 262 };

typedef int socket_function(int domain, int type, int protocol);

static _Atomic(socket_function *) next_socket;

/* Threads that come here at once all find the same function. */
static socket_function *find_next_socket(void)
{
	socket_function *found = atomic_load_explicit(&next_socket, memory_order_relaxed);

	if (!found) {
		void *symbol = dlsym(RTLD_NEXT, "socket");

		/* ISO C has no cast from an object pointer to a function pointer. */
		memcpy(&found, &symbol, sizeof(found));
		atomic_store_explicit(&next_socket, found, memory_order_relaxed);
	}
	return found;
}

static int is_tcp(int domain, int type, int protocol)
{
	return (domain == AF_INET || domain == AF_INET6) &&
	       (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM &&
	       (protocol == 0 || protocol == IPPROTO_TCP);
}

/* No MPTCP in this kernel, switched off in this network namespace, or forbidden by a filter. */
static int is_refusal(int error)
{
	return error == EPROTONOSUPPORT || error == ENOPROTOOPT || error == EINVAL || error == EPERM;
}

__attribute__((visibility("default"))) int socket(int domain, int type, int protocol)
{
	socket_function *next = find_next_socket();
	int before = errno;
	int fd;

	if (!next) {
		errno = ENOSYS;
		return -1;
	}
	if (!is_tcp(domain, type, protocol))
		return next(domain, type, protocol);
	fd = next(domain, type, PROTOCOL_MPTCP);
	if (fd >= 0 || !is_refusal(errno))
		return fd;
	errno = before;
	return next(domain, type, protocol);
}
