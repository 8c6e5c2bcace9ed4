// SPDX-License-Identifier: MIT
#include "manual/example_file.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "manual/settings_text.hpp"

namespace anabranch::manual {
namespace {

using config::Kind;
using config::Setting;

constexpr std::size_t kWidth = 100;

std::string comment(std::string_view text) {
  std::string out;
  std::string line = "#";
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (line.size() + 1 + word.size() > kWidth) out += std::exchange(line, "#") + '\n';
    line += ' ' + std::string(word);
  }
  return out + line + '\n';
}

/// What the value may be, where the help has not said it and the example does not show it.
std::string bounds(const Setting& setting) {
  const auto told = [&](std::string_view choice) {
    return setting.help.find('"' + std::string(choice) + '"') != setting.help.npos;
  };
  if (setting.kind == Kind::kNumber || setting.kind == Kind::kDuration ||
      (setting.kind == Kind::kChoice && !std::ranges::all_of(setting.choices, told)))
    return kind_text(setting);
  return {};
}

/// Help, then what the value may be and what it is unless given.
std::string explanation(const Setting& setting) {
  std::string out(setting.help);
  if (std::string kind = bounds(setting); !kind.empty()) {
    kind.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(kind.front())));
    out += ' ' + kind + '.';
  }
  if (const auto fallback = fallback_text(setting); !fallback.empty())
    out += " Default: " + fallback + '.';
  return comment(out);
}

bool has_required_key(const Setting& table) {
  return std::ranges::any_of(table.settings, &Setting::required);
}

struct Place {
  std::string path;     ///< "dhcp.lease_database"
  unsigned number = 1;  ///< of the [[entry]]
  bool active = true;   ///< false: everything is commented out
};

void add_settings(std::string& out, std::span<const Setting> settings, const Place& place);

void add_key(std::string& out, const Setting& setting, const Place& place) {
  // Later entries show what each of them needs; the first has explained the rest.
  if (place.number > 1 && !setting.required) return;
  if (place.number == 1) out += explanation(setting);
  if (!place.active || !setting.required) out += '#';
  out += std::string(setting.key) + " = " + example_text(setting, place.number) + '\n';
}

void add_table(std::string& out, const Setting& table, const Place& outer) {
  const std::string path = (outer.path.empty() ? "" : outer.path + '.') + std::string(table.key);
  const bool many = table.kind == Kind::kTables;
  // An empty section says nothing, so that it may stand there, unless something in it is needed.
  const bool active = outer.active && (table.required || (!many && !has_required_key(table)));
  // A table inside an entry has that entry's number; of later entries only what they need is shown.
  if (outer.number > 1 && !(active && has_required_key(table))) return;
  for (unsigned number = outer.number; number < outer.number + table.examples; ++number) {
    out += '\n';
    if (number == 1) {
      out += comment(table.help);
      if (!table.short_form.empty())
        out += comment("When " + std::string(table.short_form) + " alone is to be set: " +
                       std::string(table.key) + " = VALUE before the first section.");
    }
    if (!active) out += '#';
    out += (many ? "[[" : "[") + path + (many ? "]]" : "]") + '\n';
    add_settings(out, table.settings, {path, number, active});
  }
}

/// TOML wants the keys of a table before its sections.
void add_settings(std::string& out, std::span<const Setting> settings, const Place& place) {
  bool first = !place.path.empty();
  for (const auto& setting : settings) {
    if (is_table(setting)) continue;
    if (!std::exchange(first, false) && place.number == 1) out += '\n';
    add_key(out, setting, place);
  }
  for (const auto& setting : settings)
    if (is_table(setting) && (place.number == 1 || setting.required))
      add_table(out, setting, place);
}

}  // namespace

std::string example_file(std::string_view role, std::string_view introduction,
                         std::span<const Setting> settings) {
  const std::string name(role);
  std::string out = comment(introduction);
  out += "#\n" + comment(
                     "Lines that begin with a # and no space are settings that may be left out: "
                     "they show an example or the default. anabranch-" +
                     name + ".toml(5) tells the same.");
  out += "#\n#     anabranch " + name + " check -c FILE\n";
  add_settings(out, settings, {});
  return out;
}

}  // namespace anabranch::manual
