// SPDX-License-Identifier: MIT
#include "manual/completion.hpp"

namespace anabranch::manual {
namespace {

struct Tables {
  Choices commands;     ///< of a path as "gateway run": the commands below it
  Choices options;      ///< of a path
  Choices values;       ///< of a path and an option: what its value is
  Choices positionals;  ///< of a path and a place counted from 1, or '*': what stands there
};

void collect(const Command& command, const std::string& path, Tables& tables) {
  std::vector<std::string> commands;
  std::vector<std::string> options;
  for (const auto& below : command.commands) {
    commands.push_back(below.name);
    collect(below, path.empty() ? below.name : path + ' ' + below.name, tables);
  }
  for (const auto& option : command.options)
    for (const auto& name : option.names) {
      options.push_back(name);
      if (!option.value.empty()) tables.values.push_back({path + ' ' + name, {option.value}});
    }
  for (std::size_t i = 0; i < command.positionals.size(); ++i) {
    const auto& positional = command.positionals[i];
    tables.positionals.push_back(
        {path + ' ' + (positional.many ? "*" : std::to_string(i + 1)), {positional.name}});
  }
  tables.commands.push_back({path, std::move(commands)});
  // Those of the whole command line are offered everywhere; every command repeats its --help.
  if (!path.empty())
    std::erase_if(options, [](const auto& n) { return n == "-h" || n == "--help"; });
  tables.options.push_back({path, std::move(options)});
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// A function that prints what `choices` have for its argument. A '*' in a key matches anything.
std::string function(std::string_view name, const Choices& choices) {
  std::string out = "_anabranch_" + std::string(name) + "() {\n  case $1 in\n";
  for (const auto& [key, words] : choices) {
    if (words.empty()) continue;
    const bool any = key.ends_with('*');
    out += "    '" + (any ? key.substr(0, key.size() - 1) : key) + (any ? "'*" : "'") + ") echo '" +
           joined(words) + "' ;;\n";
  }
  return out + "  esac\n}\n\n";
}

std::string list(std::string_view name, const std::vector<std::string>& words) {
  return "_anabranch_" + std::string(name) + "() {\n  echo '" + joined(words) + "'\n}\n\n";
}

}  // namespace

Result<std::string> bash_completion(const Command& all, const Choices& scenarios,
                                    const std::vector<std::string>& levels,
                                    std::string_view script) {
  constexpr std::string_view kMarker = "@TABLES@\n";
  const auto at = script.find(kMarker);
  if (at == script.npos) return fail("the script has no line @TABLES@");
  Tables tables;
  collect(all, "", tables);
  std::vector<std::string> names;
  for (const auto& [name, nodes] : scenarios) names.push_back(name);
  std::string out(script.substr(0, at));
  out += function("commands", tables.commands);
  out += function("options", tables.options);
  out += function("values", tables.values);
  out += function("positionals", tables.positionals);
  out += function("nodes", scenarios);
  out += list("scenarios", names);
  out += list("levels", levels);
  return out + std::string(script.substr(at + kMarker.size()));
}

}  // namespace anabranch::manual
