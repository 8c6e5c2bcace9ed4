// SPDX-License-Identifier: MIT
// What every fuzz target is made of: the input eaten in small pieces, and promises that must hold
// whatever the input is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

/// libFuzzer's entry, which replay.cpp calls too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace anabranch::fuzz {

/// Ends the process when a promise is broken, which is what a fuzzer takes for a finding.
inline void require(bool holds, std::string_view promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
  std::abort();
}

/// Numbers and runs of octets from the front of the input; zeros and nothing after its end.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> octets) : rest_(octets) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t octet() {
    if (rest_.empty()) return 0;
    const auto out = rest_.front();
    rest_ = rest_.subspan(1);
    return out;
  }
  std::uint32_t number(unsigned octets) {
    std::uint32_t out = 0;
    for (unsigned i = 0; i < octets; ++i) out = out << 8 | octet();
    return out;
  }
  std::span<const std::uint8_t> take(std::size_t count) {
    const auto out = rest_.first(count < rest_.size() ? count : rest_.size());
    rest_ = rest_.subspan(out.size());
    return out;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace anabranch::fuzz
