// SPDX-License-Identifier: MIT
// What every function that can fail returns: a value or one Error.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace anabranch {

/// Exit codes of the executable, documented in docs/exit-codes.md.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,        ///< the operation was tried and did not succeed
  kBadInput = 2,      ///< command line or configuration file is wrong; nothing was changed
  kNotPermitted = 3,  ///< this user or this kernel does not allow it
  kNotRunning = 4,    ///< the role that should answer is not running
};

/// Why something failed, for a human: `what` is a sentence without a full stop, `where` names the
/// place (file:line:col, interface, address; may be empty), `hint` says what to do (may be empty).
struct Error {
  std::string what;
  std::string where = {};
  std::string hint = {};
  ExitCode code = ExitCode::kFailed;

  /// "where: what" and, on a line of its own, "  hint: ...".
  std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

/// Makes the error side of a Result.
std::unexpected<Error> fail(std::string what, std::string where = {}, std::string hint = {},
                            ExitCode code = ExitCode::kFailed);

/// The same from `errno` (or `error`): "what: strerror", with kNotPermitted for EPERM and EACCES.
std::unexpected<Error> fail_errno(std::string_view what, std::string where = {});
std::unexpected<Error> fail_errno(int error, std::string_view what, std::string where = {});

}  // namespace anabranch

/// Evaluates a Result<void> or Result<T> expression and returns its error from the caller if it
/// failed. Every use has a variable of its own, so that the expression may be a lambda with further
/// uses inside.
#define ANABRANCH_TRY(expression) ANABRANCH_TRY_IN_(expression, __COUNTER__)
#define ANABRANCH_TRY_IN_(expression, number) ANABRANCH_TRY_PASTE_(expression, number)
#define ANABRANCH_TRY_PASTE_(expression, number) ANABRANCH_TRY_AS_(expression, try_result_##number)
// NOLINTBEGIN(bugprone-macro-parentheses): `result` is the name that is declared here.
#define ANABRANCH_TRY_AS_(expression, result)             \
  do {                                                    \
    if (auto result = (expression); !result) [[unlikely]] \
      return std::unexpected(std::move(result).error());  \
  } while (false)
// NOLINTEND(bugprone-macro-parentheses)
