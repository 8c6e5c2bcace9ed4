// SPDX-License-Identifier: MIT
// Connections from outside to a LAN host (RFC 8803 section 4.2): a remote host connects to a port
// of the converter, the converter to the CPE with the remote host's address in its Connect, the CPE
// to the LAN host. Each role is then what the other one is for outgoing connections: the converter
// has the side that asks, the CPE the one that is asked.
#pragma once

#include <memory>

#include "proxy/converter_settings.hpp"
#include "proxy/cpe_settings.hpp"

namespace anabranch::proxy {

/// The side of the converter that asks the CPE of `entry`.
std::shared_ptr<const CpeSettings> asking_settings(const ConverterSettings& settings,
                                                   const IncomingPort& entry);

/// The side of the CPE that is asked: by its converters and by nobody else.
std::shared_ptr<const ConverterSettings> asked_settings(const CpeSettings& settings);

}  // namespace anabranch::proxy
