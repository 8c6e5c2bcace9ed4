// SPDX-License-Identifier: MIT
// As much of HTTP/1.1 (RFC 9112) as the question takes whether somebody answers: a GET, and the
// number in the first line of what comes back. Bytes only. The rest of an answer is not read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace anabranch::probe {

/// A GET of `path` that asks for the connection to be closed. Both texts are printable and without
/// spaces: nothing is escaped.
std::string build_get(std::string_view host, std::string_view path);

/// The beginning of an answer, as far as it has come.
struct HttpAnswer {
  enum class State { kIncomplete, kStatus, kNotHttp };
  State state = State::kIncomplete;
  unsigned status = 0;  ///< with kStatus: 100 to 599

  /// RFC 9110 section 15: the server has what was asked for, or says where it is.
  bool good() const { return state == State::kStatus && status >= 200 && status < 400; }
};
HttpAnswer parse_http_answer(std::string_view received);

}  // namespace anabranch::probe
