// SPDX-License-Identifier: MIT
#include "signalling/http_connect.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "signalling/host_name.hpp"

namespace anabranch::signalling {
namespace {

Octets response(std::string_view status, std::string_view fields = {}) {
  const auto text = fmt::format("HTTP/1.1 {}\r\n{}\r\n", status, fields);
  return {text.begin(), text.end()};
}

/// A response after which the connection is closed.
Octets refusal(std::string_view status, std::string_view fields = {}) {
  return response(status, fmt::format("{}Content-Length: 0\r\nConnection: close\r\n", fields));
}

Refusal malformed() {
  return {refusal("400 Bad Request"), "malformed"};
}

/// RFC 9110 section 5.6.2: what names of methods and fields are made of.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view line) {
  return std::ranges::any_of(line, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < 0x20 && c != '\t') || octet == 0x7f;
  });
}

bool is_host(std::string_view field) {
  return std::ranges::equal(field, std::string_view("host"),
                            [](char a, char b) { return (a | 0x20) == b; });
}

/// The first line of `text`, without its end, taken off it; a lone LF is an end, too (RFC 9112
/// section 2.2). Nothing while there is no end.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  auto line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  text.remove_prefix(end + 1);
  return line;
}

struct RequestLine {
  Request request;
  bool wants_host = false;  ///< the version is one whose requests have a Host field
};

std::variant<RequestLine, Refusal> read_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (has_control(line) || first == last || !is_token(line.substr(0, first))) return malformed();
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (target.find(' ') != std::string_view::npos || !version.starts_with("HTTP/"))
    return malformed();
  if (line.substr(0, first) != "CONNECT")
    return Refusal{refusal("405 Method Not Allowed", "Allow: CONNECT\r\n"), "method"};
  if (version != "HTTP/1.0" && version != "HTTP/1.1")
    return Refusal{refusal("505 HTTP Version Not Supported"), "version"};
  const auto authority = split_host_and_port(target);
  auto request =
      authority && authority->port ? request_for(authority->host, *authority->port) : std::nullopt;
  if (!request) return Refusal{refusal("400 Bad Request"), "destination"};
  return RequestLine{*std::move(request), version == "HTTP/1.1"};
}

class HttpConnectAcceptor : public Acceptor {
 public:
  std::variant<NeedMore, Say, Asked, Answered, Refusal> hear(Heard octets) override {
    const std::string_view head(reinterpret_cast<const char*>(octets.data()),
                                std::min(octets.size(), kMaxSetupOctets));
    // What does not begin like a request waits for no line.
    if (!head.empty() && !is_token(head.substr(0, 1))) return malformed();
    auto rest = head;
    const auto line = take_line(rest);
    if (!line) return incomplete(head);
    auto read = read_request_line(*line);
    if (auto* refused = std::get_if<Refusal>(&read)) return std::move(*refused);
    auto& [request, wants_host] = std::get<RequestLine>(read);

    unsigned hosts = 0;
    for (;;) {
      const auto field = take_line(rest);
      if (!field) return incomplete(head);
      if (field->empty()) break;
      const auto name = field->substr(0, field->find(':'));
      if (has_control(*field) || name.size() == field->size() || !is_token(name))
        return malformed();
      if (is_host(name) && ++hosts > 1) return malformed();
    }
    if (wants_host && hosts == 0) return malformed();
    return Asked{std::move(request), head.size() - rest.size()};
  }

  Octets answer(const Outcome& outcome) const override {
    switch (outcome.verdict) {
      case Verdict::kEstablished:
        return response("200 Connection established");
      case Verdict::kNotAuthorized:
        return refusal("403 Forbidden");
      case Verdict::kResourceExceeded:
        return refusal(
            "503 Service Unavailable",
            fmt::format("Retry-After: {}\r\n", std::max<std::int64_t>(outcome.wait.count(), 1)));
      case Verdict::kNetworkFailure:
        return refusal("504 Gateway Timeout");
      case Verdict::kUnsupportedOption:
      case Verdict::kReset:
      case Verdict::kUnreachable:
        return refusal("502 Bad Gateway");
    }
    std::unreachable();
  }

 private:
  static std::variant<NeedMore, Say, Asked, Answered, Refusal> incomplete(std::string_view head) {
    if (head.size() < kMaxSetupOctets) return NeedMore{};
    return Refusal{refusal("431 Request Header Fields Too Large"), "too-long"};
  }
};

}  // namespace

std::unique_ptr<Acceptor> http_connect_acceptor() {
  return std::make_unique<HttpConnectAcceptor>();
}

}  // namespace anabranch::signalling
