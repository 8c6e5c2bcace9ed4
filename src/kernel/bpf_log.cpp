// SPDX-License-Identifier: MIT
#include "kernel/bpf_log.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>

#include <bpf/libbpf.h>

#include "base/log.hpp"

namespace anabranch::kernel {
namespace {

int log_words(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  std::array<char, 4096> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string_view line(text.data());
  while (line.ends_with('\n')) line.remove_suffix(1);
  log::debug("{}", line);
  return 0;
}

}  // namespace

void log_bpf_words() {
  ::libbpf_set_print(log_words);
}

std::unexpected<Error> bpf_refused(int error, const char* what, const char* needs) {
  auto out = fail_errno(error, std::string("the kernel does not load the ") + what);
  out.error().code = ExitCode::kNotPermitted;
  out.error().hint = std::string(
                         "needs root outside of every user namespace (CAP_BPF, CAP_PERFMON and "
                         "CAP_NET_ADMIN) and a kernel with ") +
                     needs;
  return out;
}

}  // namespace anabranch::kernel
