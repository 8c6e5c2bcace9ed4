// SPDX-License-Identifier: MIT
// Netlink messages as they were received, written as hexadecimal digits.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

#include <linux/netlink.h>

namespace anabranch::test {

class NetlinkOctets {
 public:
  explicit NetlinkOctets(std::string_view digits) {
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
      std::uint8_t octet = 0;
      std::from_chars(digits.data() + i, digits.data() + i + 2, octet, 16);
      octets_.push_back(octet);
    }
  }
  nlmsghdr& message() { return *reinterpret_cast<nlmsghdr*>(octets_.data()); }
  /// Ends after `size` octets, as what was cut off on its way.
  NetlinkOctets& cut(std::uint32_t size) {
    octets_.resize(size);
    message().nlmsg_len = size;
    return *this;
  }

 private:
  std::vector<std::uint8_t> octets_;
};

}  // namespace anabranch::test
