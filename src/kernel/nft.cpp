// SPDX-License-Identifier: MIT
#include "kernel/nft.hpp"

#include <cstdlib>

#include "kernel/process.hpp"

namespace anabranch::kernel {

Result<void> apply_nft(std::string_view ruleset) {
  SpawnOptions options;
  options.argv = {"nft", "-f", "-"};
  // Ordinary users' PATH often lacks the sbin folders where nft lives.
  const char* path = std::getenv("PATH");
  options.environment["PATH"] =
      std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
  const auto done = run_command(std::move(options), ruleset);
  if (!done) {
    Error error = done.error();
    error.hint = "install the package nftables";
    return std::unexpected(std::move(error));
  }
  if (done->exit_code != 0)
    return fail("nft refused the rules: " + done->errors.substr(0, done->errors.find('\n')));
  return {};
}

}  // namespace anabranch::kernel
