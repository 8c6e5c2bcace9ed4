// SPDX-License-Identifier: MIT
#include "lab/balanced_reply.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace anabranch::lab {
namespace {

constexpr std::size_t kLongestHead = 4096;
constexpr std::string_view kEnd = "\r\n\r\n";

std::optional<std::uint64_t> number_of(std::string_view head, std::string_view field) {
  const auto at = head.find(field);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t out = 0;
  const auto* begin = head.data() + at + field.size();
  const auto [end, error] = std::from_chars(begin, head.data() + head.size(), out);
  if (error != std::errc() || *end != '\r') return std::nullopt;
  return out;
}

}  // namespace

Result<std::size_t> PieceReply::take(std::span<const std::byte> octets) {
  std::size_t taken = 0;
  // The head comes in one piece or two: what it costs octet by octet does not show.
  while (!head_over_ && taken < octets.size()) {
    head_ += static_cast<char>(octets[taken++]);
    if (head_.ends_with(kEnd)) ANABRANCH_TRY(read_head());
    if (head_.size() > kLongestHead) return fail("the head of a reply has no end");
  }
  if (!head_over_) return taken;
  const auto body = octets.subspan(taken, std::min<std::uint64_t>(left_, octets.size() - taken));
  hash_.update(body);
  left_ -= body.size();
  return taken + body.size();
}

Result<void> PieceReply::read_head() {
  if (!head_.starts_with("HTTP/1.1 200 "))
    return fail("a server answers '" + head_.substr(0, head_.find('\r')) + "'");
  const auto length = number_of(head_, "\r\nContent-Length: ");
  if (!length) return fail("a reply does not tell its length");
  head_over_ = true;
  left_ = *length;
  server_ = static_cast<unsigned>(number_of(head_, "\r\nX-Server: ").value_or(0));
  return {};
}

}  // namespace anabranch::lab
