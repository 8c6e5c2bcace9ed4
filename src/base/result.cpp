// SPDX-License-Identifier: MIT
#include "base/result.hpp"

#include <cerrno>
#include <cstring>

namespace anabranch {

std::string Error::text() const {
  std::string out = where.empty() ? what : where + ": " + what;
  if (!hint.empty()) out += "\n  hint: " + hint;
  return out;
}

std::unexpected<Error> fail(std::string what, std::string where, std::string hint, ExitCode code) {
  return std::unexpected(Error{std::move(what), std::move(where), std::move(hint), code});
}

std::unexpected<Error> fail_errno(int error, std::string_view what, std::string where) {
  Error out{std::string(what) + ": " + std::strerror(error), std::move(where)};
  if (error == EPERM || error == EACCES) {
    out.code = ExitCode::kNotPermitted;
    out.hint = "needs CAP_NET_ADMIN in this network namespace; run as root";
  }
  return std::unexpected(std::move(out));
}

std::unexpected<Error> fail_errno(std::string_view what, std::string where) {
  return fail_errno(errno, what, std::move(where));
}

}  // namespace anabranch
