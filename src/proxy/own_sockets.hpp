// SPDX-License-Identifier: MIT
// [single] in nft's words: which sockets of this machine are meant.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "proxy/single_settings.hpp"

namespace anabranch::proxy {

/// A line for each user and cgroup, of rules that go to the chain `judge`. `mount`: where cgroup2
/// is, below the folder that nft knows for it ("" or "unified/"). Pure.
std::string own_socket_rules(const SingleSettings& settings, std::string_view mount,
                             std::string_view judge);

/// The mount that own_socket_rules() needs: an error when a cgroup of the settings is not there, or
/// is where nft would not find it. Without cgroups nothing is looked at.
Result<std::string> cgroup_mount(const SingleSettings& settings);

}  // namespace anabranch::proxy
