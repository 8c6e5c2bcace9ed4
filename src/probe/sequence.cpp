// SPDX-License-Identifier: MIT
#include "probe/sequence.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <sys/random.h>

namespace anabranch::probe {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

/// Up to eight octets, least significant first.
std::uint64_t word_of(std::span<const std::uint8_t> octets) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) word |= std::uint64_t{octets[i]} << (8 * i);
  return word;
}

}  // namespace

std::uint64_t keyed_hash(const SequenceKey& key, std::span<const std::uint8_t> octets) {
  State state{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
              key[1] ^ 0x7465646279746573};
  const auto length = octets.size();
  for (; octets.size() >= 8; octets = octets.subspan(8)) state.absorb(word_of(octets.first(8)));
  state.absorb(word_of(octets) | std::uint64_t{length & 0xff} << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

Result<SequenceNumbers> SequenceNumbers::with_random_key() {
  SequenceKey key{};
  if (::getrandom(key.data(), sizeof key, GRND_NONBLOCK) != sizeof key)
    return fail_errno("no random numbers");
  return SequenceNumbers(key);
}

std::uint32_t SequenceNumbers::next(const Flow& flow) {
  std::array<std::uint8_t, 36> octets{};
  auto* out = octets.data();
  for (const auto& [address, port] :
       {std::pair{&flow.local, flow.local_port}, std::pair{&flow.remote, flow.remote_port}}) {
    out = std::ranges::copy(address->octets(), out).out;
    *out++ = static_cast<std::uint8_t>(port >> 8);
    *out++ = static_cast<std::uint8_t>(port);
  }
  const auto used = static_cast<std::size_t>(out - octets.data());
  const auto hash = keyed_hash(key_, std::span(octets).first(used));
  return static_cast<std::uint32_t>(hash) + ++count_;
}

}  // namespace anabranch::probe
