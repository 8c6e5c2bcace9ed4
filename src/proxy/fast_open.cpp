// SPDX-License-Identifier: MIT
#include "proxy/fast_open.hpp"

#include <charconv>
#include <string>

#include "base/log.hpp"

namespace anabranch::proxy {

void FastOpen::enable() {
  const std::string key = "net/ipv4/tcp_fastopen";
  const auto text = kernel::read_sysctl(key);
  unsigned bits = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), bits);
  if ((bits & side_) != 0) return;
  if (const auto done = saved_.set(key, std::to_string(bits | side_)); !done)
    log::warning("no data in SYNs: {}", done.error().text());
}

}  // namespace anabranch::proxy
