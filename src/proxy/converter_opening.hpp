// SPDX-License-Identifier: MIT
// What a converter needs of the machine beside listening sockets, at the start and when its file
// has changed. Nothing here touches what runs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/converter_settings.hpp"
#include "proxy/obstacle.hpp"
#include "signalling/convert.hpp"

namespace anabranch::proxy {

/// The congestion control and the addresses of the pool.
std::optional<Obstacle> machine_obstacle(const ConverterSettings& settings);

/// A secret for a converter whose file names none.
Result<signalling::Octets> random_secret();

using Cookies = std::shared_ptr<const signalling::ConvertCookies>;
/// Null: none are required. Those of `before`, which may be null, are good for one slot more.
std::expected<Cookies, Obstacle> cookies_of(const ConverterSettings& settings,
                                            const signalling::Octets& own_secret,
                                            const Cookies& before);

}  // namespace anabranch::proxy
