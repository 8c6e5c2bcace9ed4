// SPDX-License-Identifier: MIT
// The Decider, told anything in any order: octets make inputs of few addresses, ports and tokens,
// so that they meet, and time passes by steps from a millisecond to hours.
#include <array>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "paths/codec_members.hpp"
#include "watched_decider.hpp"

using namespace anabranch;

namespace {

using paths::members::Is;

/// Fills the members of an input, by their names where chance would seldom hit what has a meaning.
struct Filler {
  fuzz::Input& in;

  template <class Value>
  void operator()(std::string_view name, Value& value) {
    if constexpr (std::integral<Value> && !Is<Value, bool>) {
      if (name == "token")
        value = static_cast<Value>(1 + in.octet() % 4);
      else if (name == "id" && sizeof(Value) == 8)
        value = static_cast<Value>(1 + in.octet() % 64);
      else if (name == "id" || name == "local_id" || name == "remote_id")
        value = static_cast<Value>(in.octet() % 6);
      else if (name == "state" || name == "ifindex")
        value = static_cast<Value>(in.octet() % 4);
      else
        value = number<Value>();
    } else {
      fill(value);
    }
  }

  /// Small, or by powers of two up to the largest.
  template <class Value>
  Value number() {
    const auto octet = in.octet();
    if (octet < 64) return static_cast<Value>(octet);
    return static_cast<Value>(std::uint64_t{in.octet()} << (octet % 64));
  }

  IpAddress address() {
    constexpr std::array<const char*, 8> kAddresses{"10.1.0.2",      "10.2.0.2",        "10.3.0.2",
                                                    "198.18.0.1",    "198.18.0.2",      "127.0.0.1",
                                                    "2001:db8:1::2", "2001:db8:ffff::1"};
    return IpAddress::parse(kAddresses[in.octet() % kAddresses.size()]).value();
  }

  void fill(bool& value) { value = (in.octet() & 1) != 0; }
  void fill(std::string& value) { value.assign(in.octet() % 3, 'x'); }
  void fill(IpAddress& value) { value = address(); }
  void fill(IpPrefix& value) { value = {address(), in.octet() % 33u}; }
  void fill(Endpoint& value) {
    value = {address(), static_cast<std::uint16_t>(in.octet() % 4 * 1000)};
  }
  void fill(nanoseconds& value) {
    constexpr std::int64_t kLongest = 320'000'000'000'000'000;
    value = nanoseconds(static_cast<std::int64_t>(number<std::uint64_t>() % kLongest));
  }
  void fill(BitRate& value) { value = {static_cast<double>(number<std::uint64_t>())}; }
  template <class Value>
  requires std::is_enum_v<Value>
  void fill(Value& value) {
    value = static_cast<Value>(in.octet() % paths::members::kNames<Value>.size());
  }
  template <class Value>
  void fill(std::optional<Value>& value) {
    if ((in.octet() & 1) != 0) (*this)("", value.emplace());
  }
  template <class Value>
  void fill(std::vector<Value>& value) {
    for (unsigned i = in.octet() % 5; i > 0; --i) fill(value.emplace_back());
  }
  template <class Value>
  void fill(Value& value) {
    paths::members::describe(*this, value);
  }
};

template <std::size_t... I>
paths::Input make_input(fuzz::Input& in, std::index_sequence<I...>) {
  paths::Input out;
  const auto kind = in.octet() % sizeof...(I);
  const auto make = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
    if (N == kind) Filler{in}.fill(out.template emplace<N>());
  };
  (make(std::integral_constant<std::size_t, I>()), ...);
  return out;
}

paths::Settings make_settings(fuzz::Input& in) {
  auto out = paths::default_settings();
  const auto choice = in.octet();
  out.subflows = 1 + choice % 8;
  out.announce = static_cast<paths::AnnounceMode>(choice / 8 % 3);
  out.prefer_route = (choice & 0x80) != 0;
  const auto rules = in.octet();
  if ((rules & 1) != 0) {
    paths::PathRule rule;
    rule.name = "rule";
    rule.match.interfaces = {"x"};
    rule.deny = (rules & 2) != 0;
    if ((rules & 4) != 0) rule.backup = (rules & 8) != 0;
    if ((rules & 16) != 0) rule.subflows = rules >> 5;
    out.rules = {rule};
  }
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(std::span(data, size));
  fuzz::WatchedDecider decider(make_settings(in));
  MonotonicTime now(seconds(1000));
  constexpr int kMostInputs = 400;
  for (int i = 0; i < kMostInputs && !in.empty(); ++i) {
    now += milliseconds(1) * (1ll << in.octet() % 24);
    decider.take(make_input(in, std::make_index_sequence<std::variant_size_v<paths::Input>>()),
                 now);
  }
  decider.look(now);
  return 0;
}
