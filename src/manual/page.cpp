// SPDX-License-Identifier: MIT
#include "manual/page.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "manual/roff.hpp"
#include "manual/settings_text.hpp"

namespace anabranch::manual {
namespace {

using config::Kind;
using config::Setting;
using roff::bold;
using roff::code;
using roff::italic;

constexpr std::string_view kExecutable = "anabranch";

/// What stands above the first section of the prose.
struct Heading {
  std::string name;
  std::string section;
  std::string what;
  std::string synopsis;
};

std::string header(const Heading& page, std::string_view version) {
  std::string title;
  for (const unsigned char c : page.name) title += static_cast<char>(std::toupper(c));
  return ".TH " + code(title) + ' ' + page.section + " \"\" \"anabranch " + std::string(version) +
         "\" \"Anabranch\"\n.SH NAME\n" + code(page.name) + " \\- " + roff::text(page.what) +
         "\n.SH SYNOPSIS\n" + page.synopsis;
}

Result<std::string> fill(std::string_view prose, const std::map<std::string, std::string>& parts) {
  std::string out;
  while (!prose.empty()) {
    const auto line = prose.substr(0, prose.find('\n'));
    prose.remove_prefix(std::min(line.size() + 1, prose.size()));
    if (!line.starts_with('@')) {
      out += std::string(line) + '\n';
      continue;
    }
    const auto part = parts.find(std::string(line));
    if (part == parts.end()) return fail("this page has no " + std::string(line));
    out += part->second;
  }
  return out;
}

std::string sentence(const std::string& what) {
  return what + '.';
}

std::string option_tag(const Option& option) {
  std::string out;
  for (const auto& name : option.names) out += (out.empty() ? "" : ", ") + bold(name);
  return option.value.empty() ? out : out + ' ' + italic(option.value);
}

std::string option_text(const Option& option) {
  return sentence(option.what) +
         (option.fallback.empty() ? "" : " Default: " + option.fallback + '.');
}

bool is_help(const Option& option) {
  return option.names.back() == "--help";
}

std::string arguments_text(const Command& command) {
  std::string out;
  for (const auto& option : command.options) {
    if (is_help(option)) continue;
    std::string one = bold(option.names.front());
    if (!option.value.empty()) one += ' ' + italic(option.value);
    out += ' ' + (option.required ? one : '[' + one + ']');
  }
  for (const auto& positional : command.positionals) {
    const auto one = italic(positional.name);
    if (positional.many) out += " \\-\\-";
    out += ' ' + (positional.required ? one : '[' + one + ']');
    if (positional.many) out += " [" + italic("ARGUMENT") + "...]";
  }
  return out;
}

std::string arguments_list(const Command& command) {
  std::string out;
  for (const auto& positional : command.positionals)
    out += roff::tagged(italic(positional.name), sentence(positional.what));
  for (const auto& option : command.options)
    if (!is_help(option)) out += roff::tagged(option_tag(option), option_text(option));
  return out;
}

std::string synopsis(const Command& command, const std::string& path) {
  if (command.commands.empty()) return bold(path) + arguments_text(command) + '\n';
  std::string out;
  for (const auto& verb : command.commands) {
    if (!out.empty()) out += ".br\n";
    out += synopsis(verb, path + ' ' + verb.name);
  }
  return out;
}

/// `path`: what stands before a verb, as "server " of an object in an object.
std::string verbs_below(const Command& object, const std::string& path) {
  std::string out;
  for (const auto& verb : object.commands) {
    if (!verb.commands.empty()) {
      out += verbs_below(verb, path + verb.name + ' ');
      continue;
    }
    out += roff::tagged(bold(path + verb.name) + arguments_text(verb), sentence(verb.what));
    if (const auto list = arguments_list(verb); !list.empty()) out += ".RS\n" + list + ".RE\n";
  }
  return out;
}

std::string verbs(const Command& object) {
  if (object.commands.empty()) return ".SH OPTIONS\n" + arguments_list(object);
  return ".SH COMMANDS\n" + verbs_below(object, "");
}

std::string objects(const Command& all) {
  std::string out = ".SH OBJECTS\n";
  for (const auto& object : all.commands)
    out += roff::tagged(bold(object.name), sentence(object.what)) + "See\n.BR " +
           code(std::string(kExecutable) + '-' + object.name) + " (8).\n";
  out += ".SH OPTIONS\nThese may stand anywhere before \\fB\\-\\-\\fR.\n";
  for (const auto& option : all.options)
    out += roff::tagged(option_tag(option), option_text(option));
  return out;
}

/// "done; for lab run: ..." without what is said for other objects.
std::string meaning_for(const Command& object, std::string_view meaning) {
  std::string out;
  while (!meaning.empty()) {
    const auto clause = meaning.substr(0, meaning.find("; "));
    meaning.remove_prefix(std::min(clause.size() + 2, meaning.size()));
    if (clause.starts_with("for ") && object.name != kExecutable &&
        !clause.substr(4).starts_with(object.name))
      continue;
    out += (out.empty() ? "" : "; ") + std::string(clause);
  }
  return out;
}

/// The rows "| 0 | done |" of the document.
std::string exit_status(const Command& object, std::string_view document) {
  std::string out = ".SH EXIT STATUS\n";
  while (!document.empty()) {
    const auto line = document.substr(0, document.find('\n'));
    document.remove_prefix(std::min(line.size() + 1, document.size()));
    const auto bar = line.find(" | ");
    if (!line.starts_with("| ") || bar == line.npos || !line.ends_with(" |") ||
        std::isdigit(static_cast<unsigned char>(line[2])) == 0)
      continue;
    std::string meaning;
    for (const char c : line.substr(bar + 3, line.size() - bar - 5))
      if (c != '`') meaning += c;
    out += roff::tagged(bold(line.substr(2, bar - 2)), meaning_for(object, meaning));
  }
  return out;
}

std::string setting_tag(const Setting& setting) {
  std::string out = bold(setting.key) + " (" + roff::text(kind_text(setting));
  return out + (setting.required ? ", needed)" : ")");
}

std::string setting_text(const Setting& setting) {
  std::string out(setting.help);
  if (const auto fallback = fallback_text(setting); !fallback.empty())
    out += " Default: " + fallback + '.';
  else if (!setting.required)
    out += " Example: " + example_text(setting) + '.';
  return out;
}

std::string settings_list(std::span<const Setting> settings, const std::string& path) {
  std::string out;
  for (const auto& setting : settings)
    if (!is_table(setting)) out += roff::tagged(setting_tag(setting), setting_text(setting));
  for (const auto& setting : settings) {
    if (!is_table(setting)) continue;
    const std::string name = (path.empty() ? "" : path + '.') + std::string(setting.key);
    out += ".SS " + code(setting.kind == Kind::kTables ? "[[" + name + "]]" : "[" + name + "]") +
           '\n' + roff::text(setting.help) + (setting.required ? " Needed.\n" : "\n");
    if (!setting.short_form.empty())
      out += roff::text("Where only " + std::string(setting.short_form) + " is to be set, " + name +
                        " = VALUE before the first section does the same.") +
             '\n';
    out += settings_list(setting.settings, name);
  }
  return out;
}

}  // namespace

Result<std::string> command_page(const Command& object, std::string_view version,
                                 std::string_view prose, std::string_view exit_codes) {
  const bool all = object.name == kExecutable;
  const std::string executable(kExecutable);
  std::string what = object.what;
  if (!all)
    what.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(what.front())));
  const Heading heading{.name = all ? executable : executable + '-' + object.name,
                        .section = "8",
                        .what = what,
                        .synopsis = all ? bold(executable) + ' ' + italic("OBJECT") + " [" +
                                              italic("VERB") + "] [" + italic("ARGUMENT") + "...]\n"
                                        : synopsis(object, executable + ' ' + object.name)};
  const auto body = fill(prose, {{"@COMMANDS@", all ? objects(object) : verbs(object)},
                                 {"@EXIT_STATUS@", exit_status(object, exit_codes)}});
  if (!body) return body;
  return header(heading, version) + *body;
}

Result<std::string> file_page(std::string_view role, std::span<const Setting> settings,
                              std::string_view version, std::string_view prose) {
  const std::string name(role);
  const Heading heading{.name = std::string(kExecutable) + '-' + name + ".toml",
                        .section = "5",
                        .what = "configuration file of anabranch " + name,
                        .synopsis = code("/etc/anabranch/" + name + ".toml") + '\n'};
  const auto body = fill(prose, {{"@SETTINGS@", ".SH SETTINGS\n" + settings_list(settings, "")}});
  if (!body) return body;
  return header(heading, version) + *body;
}

}  // namespace anabranch::manual
