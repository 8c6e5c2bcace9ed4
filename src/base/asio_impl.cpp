// SPDX-License-Identifier: MIT
// Asio's own code, compiled once (ASIO_SEPARATE_COMPILATION).
//
// A standard header comes first: Asio asks libstdc++'s macros whether there is aligned_alloc(), and
// they are not there before one. Without it this file frees with delete what the others allocate
// with malloc.
#include <cstddef>

#include <asio/impl/src.hpp>
