// SPDX-License-Identifier: MIT
#include "lab/payload.hpp"

#include <array>
#include <cstring>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace anabranch::lab {
namespace {

constexpr std::size_t kBlock = 262144;

/// splitmix64 (Steele, Lea, Flood 2014): one multiplication chain a word, far faster than any link
/// emulated here, and every seed gives a stream of full period.
std::uint64_t next_word(std::uint64_t& state) {
  std::uint64_t word = state += 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

}  // namespace

PayloadStream::PayloadStream(std::uint64_t seed)
    : state_(seed), block_(kBlock), position_(kBlock) {}

void PayloadStream::refill() {
  for (std::size_t i = 0; i < kBlock; i += sizeof(std::uint64_t)) {
    const std::uint64_t word = next_word(state_);
    std::memcpy(block_.data() + i, &word, sizeof word);
  }
  position_ = 0;
}

std::span<const std::byte> PayloadStream::ahead() {
  if (position_ == kBlock) refill();
  return std::span(block_).subspan(position_);
}

Sha256::Sha256()
    : context_(EVP_MD_CTX_new()),
      usable_(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1) {}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
}

void Sha256::update(std::span<const std::byte> octets) {
  usable_ = usable_ && EVP_DigestUpdate(context_, octets.data(), octets.size()) == 1;
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  if (!usable_ || EVP_DigestFinal_ex(context_, digest.data(), &length) != 1) return {};
  usable_ = false;
  std::string out;
  for (unsigned i = 0; i < length; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace anabranch::lab
