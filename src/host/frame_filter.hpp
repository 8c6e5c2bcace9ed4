// SPDX-License-Identifier: MIT
// Classic BPF for packet sockets: a frame is accepted if every value that is loaded is one of those
// wanted. A load beyond the frame's end refuses it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include <linux/filter.h>

namespace anabranch::host {

class FrameFilter {
 public:
  void require(std::uint16_t load, std::uint32_t at, std::uint32_t value) {
    require_one_of(load, at, {value});
  }
  /// At most 200 values.
  void require_one_of(std::uint16_t load, std::uint32_t at,
                      std::initializer_list<std::uint32_t> values);
  void require_clear(std::uint16_t load, std::uint32_t at, std::uint32_t bits);
  void add(sock_filter statement) { program_.push_back(statement); }

  std::vector<sock_filter> finish() &&;

 private:
  std::vector<sock_filter> program_;
};

}  // namespace anabranch::host
