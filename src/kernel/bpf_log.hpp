// SPDX-License-Identifier: MIT
// What libbpf and the kernel's verifier say goes to our log.
#pragma once

#include "base/result.hpp"

namespace anabranch::kernel {

/// The verifier's and libbpf's own words are for who works on a program: debug lines.
void log_bpf_words();

/// Why a program is not loaded; `what` names it. The code is kNotPermitted.
std::unexpected<Error> bpf_refused(int error, const char* what, const char* needs);

}  // namespace anabranch::kernel
