// SPDX-License-Identifier: MIT
// The command line as a value: what the manual pages and the shell's completion are made of.
#pragma once

#include <string>
#include <vector>

namespace anabranch::manual {

struct Option {
  std::vector<std::string> names;  ///< "-c", "--config"
  std::string value;               ///< what it takes, as "FILE"; empty: nothing
  std::string what;                ///< a sentence without its full stop
  std::string fallback;            ///< of the value; empty: none
  bool required = false;
};

struct Positional {
  std::string name;  ///< what it is, as "IFACE"
  std::string what;
  bool required = false;
  bool many = false;  ///< and every word after it
};

struct Command {
  std::string name;
  std::string what;
  std::vector<Option> options;
  std::vector<Positional> positionals;
  std::vector<Command> commands;
};

/// The whole command line of the executable, without what is hidden from its help.
Command command_line();

}  // namespace anabranch::manual
