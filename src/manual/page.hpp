// SPDX-License-Identifier: MIT
// Manual pages: what is said in the definitions of commands and settings, put into pages whose
// prose is written by hand (packaging/man/*.in). A line "@NAME@" of such a page is replaced.
//
//   @COMMANDS@     what the object's verbs do and their options; of anabranch(8): the objects
//   @SETTINGS@     every key of a configuration file
//   @EXIT_STATUS@  the table of docs/exit-codes.md
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/result.hpp"
#include "manual/command.hpp"

namespace anabranch::manual {

/// `prose` completed to anabranch-OBJECT.8, or to anabranch.8 when `object` is the whole command
/// line. `exit_codes` is the content of docs/exit-codes.md. Fails on a marker that is not known.
Result<std::string> command_page(const Command& object, std::string_view version,
                                 std::string_view prose, std::string_view exit_codes);

/// `prose` completed to anabranch-ROLE.toml.5.
Result<std::string> file_page(std::string_view role, std::span<const config::Setting> settings,
                              std::string_view version, std::string_view prose);

}  // namespace anabranch::manual
