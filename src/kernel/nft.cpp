// SPDX-License-Identifier: MIT
#include "kernel/nft.hpp"

#include <cstdlib>
#include <utility>

#include "kernel/process.hpp"

namespace anabranch::kernel {

namespace {

Result<std::string> run_nft(std::vector<std::string> arguments, std::string_view input) {
  SpawnOptions options;
  options.argv = {"nft"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  // Ordinary users' PATH often lacks the sbin folders where nft lives.
  const char* path = std::getenv("PATH");
  options.environment["PATH"] =
      std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin";
  auto done = run_command(std::move(options), input);
  if (!done) {
    Error error = done.error();
    error.hint = "install the package nftables";
    return std::unexpected(std::move(error));
  }
  if (done->exit_code != 0)
    return fail("nft refused the rules: " + done->errors.substr(0, done->errors.find('\n')));
  return std::move(done->output);
}

}  // namespace

Result<void> apply_nft(std::string_view ruleset) {
  const auto done = run_nft({"-f", "-"}, ruleset);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::string> list_nft(std::vector<std::string> arguments) {
  return run_nft(std::move(arguments), {});
}

}  // namespace anabranch::kernel
