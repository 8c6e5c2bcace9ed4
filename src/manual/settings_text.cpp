// SPDX-License-Identifier: MIT
#include "manual/settings_text.hpp"

#include "base/units.hpp"

namespace anabranch::manual {

using config::Kind;
using config::Setting;

std::string kind_text(const Setting& setting) {
  std::string list;
  switch (setting.kind) {
    case Kind::kText:
      return "text";
    case Kind::kChoice:
      for (const auto& choice : setting.choices)
        list += (list.empty() ? "\"" : ", \"") + std::string(choice) + "\"";
      return "one of " + list;
    case Kind::kFlag:
      return "true or false";
    case Kind::kNumber:
      return "whole number from " + std::to_string(setting.low) + " to " +
             std::to_string(setting.high);
    case Kind::kDuration:
      if (setting.high == 0) return "duration";
      return "duration from " + duration_text(milliseconds(setting.low)) + " to " +
             duration_text(milliseconds(setting.high));
    case Kind::kAddress:
      return "address";
    case Kind::kPrefix:
      return "prefix";
    case Kind::kTexts:
      return "list of texts";
    case Kind::kTable:
      return "section";
    case Kind::kTables:
      return "sections";
  }
  return {};
}

std::string fallback_text(const Setting& setting) {
  const std::string written(setting.fallback);
  if (written.empty() || setting.kind == Kind::kFlag || setting.kind == Kind::kNumber)
    return written;
  return '"' + written + '"';
}

std::string example_text(const Setting& setting, unsigned number) {
  if (setting.example.empty()) return fallback_text(setting);
  std::string out;
  for (const char c : setting.example) out += c == '%' ? std::to_string(number) : std::string(1, c);
  return out;
}

}  // namespace anabranch::manual
