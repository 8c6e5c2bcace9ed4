// SPDX-License-Identifier: MIT
// TCP options of the SYN to a server and of its answer: which ones a converter can place, and what
// it tells of them (RFC 8803 sections 6.2.4 to 6.2.6). The kernel makes the SYN; what it does not
// put into it is not offered.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

/// The kinds that the kernel puts into our SYNs, as it is set up.
std::vector<std::uint8_t> supported_options();

bool asks_for(const std::vector<signalling::TcpOption>& options, std::uint8_t kind);

/// The kinds of `options` whose content the kernel would not put into a SYN to `server`: a Fast
/// Open cookie that is not the one this machine has of it. Their kinds are supported.
std::vector<std::uint8_t> refused_contents(const std::vector<signalling::TcpOption>& options,
                                           const IpAddress& server);

/// The options of the SYN+ACK on `fd` as far as the kernel tells them: MPTCP, SACK permitted, and
/// the Fast Open cookie where `asked` has that option. Not the values of timestamps and windows.
std::vector<signalling::TcpOption> answered_options(int fd, bool mptcp,
                                                    const std::vector<signalling::TcpOption>& asked,
                                                    const IpAddress& server);

}  // namespace anabranch::proxy
