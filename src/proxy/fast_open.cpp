// SPDX-License-Identifier: MIT
#include "proxy/fast_open.hpp"

#include <charconv>
#include <string>

#include "base/log.hpp"

namespace anabranch::proxy {

namespace {

const std::string kKey = "net/ipv4/tcp_fastopen";

unsigned bits_now() {
  const auto text = kernel::read_sysctl(kKey);
  unsigned out = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), out);
  return out;
}

}  // namespace

bool FastOpen::is_on(Side side) {
  return (bits_now() & side) != 0;
}

void FastOpen::enable() {
  const auto bits = bits_now();
  if ((bits & side_) != 0) return;
  if (const auto done = saved_.set(kKey, std::to_string(bits | side_)); !done)
    log::warning("no data in SYNs: {}", done.error().text());
}

}  // namespace anabranch::proxy
