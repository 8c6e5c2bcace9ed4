// SPDX-License-Identifier: MIT
#include "base/config.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <toml++/toml.h>

#include "base/directories.hpp"

namespace anabranch::config {
namespace detail {

struct Position {
  unsigned line = 1;
  unsigned column = 1;
};

struct Table {
  const toml::table* table = nullptr;  ///< null: an absent section
  Position position;
  std::string name;
  mutable std::set<std::string, std::less<>> asked;
};

struct Complaint {
  Position position;
  std::string what;
  std::string hint;
};

struct State {
  std::string name;
  toml::table root;
  std::map<const toml::table*, std::unique_ptr<Table>> tables;
  std::vector<std::unique_ptr<Table>> absent;
  std::vector<Complaint> complaints;

  const Table* view(const toml::table& table, std::string section) {
    auto& slot = tables[&table];
    if (!slot) {
      const auto& begin = table.source().begin;
      slot = std::make_unique<Table>();
      slot->table = &table;
      slot->position = {begin.line, begin.column};
      slot->name = std::move(section);
    }
    return slot.get();
  }

  const Table* view_absent(std::string section, Position position) {
    absent.push_back(std::make_unique<Table>());
    absent.back()->name = std::move(section);
    absent.back()->position = position;
    return absent.back().get();
  }
};

}  // namespace detail

namespace {

using detail::Position;
using detail::Table;

const toml::node* find(const Table& table, std::string_view key) {
  table.asked.emplace(key);
  return table.table == nullptr ? nullptr : table.table->get(key);
}

Position position_of(const Table& table, const toml::node* node) {
  if (node == nullptr) return table.position;
  return {node->source().begin.line, node->source().begin.column};
}

std::string in_section(const Table& table) {
  return table.name.empty() ? std::string() : " in [" + table.name + "]";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1,
                                                 diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)}));
  }
  return row[b.size()];
}

std::string nearest_hint(const std::set<std::string, std::less<>>& known, std::string_view key) {
  std::string list;
  const std::string* best = nullptr;
  for (const auto& candidate : known) {
    list += (list.empty() ? "" : ", ") + candidate;
    if (edit_distance(candidate, key) <= 2 && best == nullptr) best = &candidate;
  }
  if (best != nullptr) return "did you mean '" + *best + "'?";
  return list.empty() ? std::string() : "known here: " + list;
}

}  // namespace

bool Section::has(std::string_view key) const {
  return find(*table_, key) != nullptr;
}

bool Section::is_text(std::string_view key) const {
  const auto* node = find(*table_, key);
  return node != nullptr && node->is_string();
}

void Section::complain(std::string_view key, std::string what, std::string hint) const {
  const toml::node* node = table_->table == nullptr ? nullptr : table_->table->get(key);
  state_->complaints.push_back({position_of(*table_, node), std::move(what), std::move(hint)});
}

std::string Section::text(std::string_view key, std::string_view fallback) const {
  const auto* node = find(*table_, key);
  if (node == nullptr) return std::string(fallback);
  if (const auto* value = node->as_string()) return value->get();
  complain(key, "'" + std::string(key) + "' is not a text", "put it in double quotes");
  return std::string(fallback);
}

std::string Section::require_text(std::string_view key) const {
  if (!has(key)) {
    complain(key, "'" + std::string(key) + "' is missing" + in_section(*table_));
    return {};
  }
  std::string out = text(key);
  if (out.empty()) complain(key, "'" + std::string(key) + "' is empty");
  return out;
}

std::string Section::choice(std::string_view key,
                            std::initializer_list<std::string_view> allowed) const {
  std::string out = text(key, *allowed.begin());
  if (std::ranges::find(allowed, out) != allowed.end()) return out;
  std::string list;
  for (const auto& value : allowed)
    list += (list.empty() ? "\"" : ", \"") + std::string(value) + "\"";
  complain(key, "'" + std::string(key) + "' cannot be \"" + out + "\"", "one of " + list);
  return std::string(*allowed.begin());
}

bool Section::flag(std::string_view key, bool fallback) const {
  const auto* node = find(*table_, key);
  if (node == nullptr) return fallback;
  if (const auto* value = node->as_boolean()) return value->get();
  complain(key, "'" + std::string(key) + "' is not true or false", "write it without quotes");
  return fallback;
}

std::int64_t Section::number(std::string_view key, std::int64_t fallback, std::int64_t low,
                             std::int64_t high) const {
  const auto* node = find(*table_, key);
  if (node == nullptr) return fallback;
  const auto* value = node->as_integer();
  if (value == nullptr) {
    complain(key, "'" + std::string(key) + "' is not a whole number", "write it without quotes");
    return fallback;
  }
  if (value->get() < low || value->get() > high) {
    complain(key, "'" + std::string(key) + "' is out of range",
             "from " + std::to_string(low) + " to " + std::to_string(high));
    return fallback;
  }
  return value->get();
}

std::int64_t Section::require_number(std::string_view key, std::int64_t low,
                                     std::int64_t high) const {
  if (!has(key)) complain(key, "'" + std::string(key) + "' is missing" + in_section(*table_));
  return number(key, low, low, high);
}

nanoseconds Section::duration(std::string_view key, nanoseconds fallback) const {
  if (!has(key)) return fallback;
  const auto value = parse_duration(text(key));
  if (value) return *value;
  complain(key, value.error().what, value.error().hint);
  return fallback;
}

std::optional<IpAddress> Section::address(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const auto value = IpAddress::parse(text(key));
  if (value) return *value;
  complain(key, value.error().what, value.error().hint);
  return std::nullopt;
}

std::optional<IpPrefix> Section::prefix(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const auto value = IpPrefix::parse(text(key));
  if (value) return *value;
  complain(key, value.error().what, value.error().hint);
  return std::nullopt;
}

IpPrefix Section::require_prefix(std::string_view key) const {
  if (!has(key)) complain(key, "'" + std::string(key) + "' is missing" + in_section(*table_));
  return prefix(key).value_or(IpPrefix());
}

std::vector<std::string> Section::texts(std::string_view key) const {
  std::vector<std::string> out;
  const auto* node = find(*table_, key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr) {
    complain(key, "'" + std::string(key) + "' is not a list", "write it like [\"a\", \"b\"]");
    return out;
  }
  for (const auto& element : *array) {
    if (const auto* value = element.as_string())
      out.push_back(value->get());
    else
      complain(key, "'" + std::string(key) + "' holds something that is not a text",
               "put every element in double quotes");
  }
  return out;
}

Section Section::section(std::string_view key) const {
  const auto* node = find(*table_, key);
  const std::string name =
      table_->name.empty() ? std::string(key) : table_->name + "." + std::string(key);
  if (node != nullptr) {
    if (const auto* table = node->as_table()) return {state_, state_->view(*table, name)};
    complain(key, "'" + std::string(key) + "' is not a section", "write it as [" + name + "]");
  }
  return {state_, state_->view_absent(name, table_->position)};
}

Section Section::require_section(std::string_view key) const {
  if (!has(key)) complain(key, "the section [" + std::string(key) + "] is missing");
  return section(key);
}

std::vector<Section> Section::sections(std::string_view key) const {
  std::vector<Section> out;
  const auto* node = find(*table_, key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array != nullptr && std::ranges::all_of(*array, [](const auto& e) { return e.is_table(); })) {
    for (const auto& element : *array)
      out.push_back({state_, state_->view(*element.as_table(), std::string(key))});
    return out;
  }
  complain(key, "'" + std::string(key) + "' is not a list of sections",
           "write each one under a line [[" + std::string(key) + "]]");
  return out;
}

std::string Section::text(const Setting& setting) const {
  return setting.required ? require_text(setting.key) : text(setting.key, setting.fallback);
}

std::string Section::choice(const Setting& setting) const {
  std::string out = text(setting);
  if (std::ranges::find(setting.choices, out) != setting.choices.end()) return out;
  std::string list;
  for (const auto& value : setting.choices)
    list += (list.empty() ? "\"" : ", \"") + std::string(value) + "\"";
  if (!out.empty() || !setting.required)
    complain(setting, "'" + std::string(setting.key) + "' cannot be \"" + out + "\"",
             "one of " + list);
  return std::string(setting.fallback);
}

bool Section::flag(const Setting& setting) const {
  return flag(setting.key, setting.fallback == "true");
}

std::int64_t Section::number(const Setting& setting) const {
  if (setting.required) return require_number(setting.key, setting.low, setting.high);
  std::int64_t fallback = 0;
  std::from_chars(setting.fallback.data(), setting.fallback.data() + setting.fallback.size(),
                  fallback);
  return number(setting.key, fallback, setting.low, setting.high);
}

nanoseconds Section::duration(const Setting& setting) const {
  const auto fallback = parse_duration(setting.fallback);
  return duration(setting.key, fallback ? *fallback : nanoseconds(0));
}

std::optional<IpAddress> Section::address(const Setting& setting) const {
  require(setting);
  return address(setting.key);
}

std::optional<IpPrefix> Section::prefix(const Setting& setting) const {
  require(setting);
  return prefix(setting.key);
}

std::vector<std::string> Section::texts(const Setting& setting) const {
  require(setting);
  return texts(setting.key);
}

Section Section::section(const Setting& setting) const {
  return setting.required ? require_section(setting.key) : section(setting.key);
}

std::vector<Section> Section::sections(const Setting& setting) const {
  auto out = sections(setting.key);
  if (out.empty() && setting.required)
    complain(setting, "there is no [[" + std::string(setting.key) + "]]", "at least one is needed");
  return out;
}

void Section::require(const Setting& setting) const {
  if (setting.required && !has(setting))
    complain(setting, "'" + std::string(setting.key) + "' is missing" + in_section(*table_),
             setting.example.empty()
                 ? std::string()
                 : "like " + std::string(setting.key) + " = " + std::string(setting.example));
}

Result<Document> Document::load(const std::filesystem::path& file) {
  auto content = read_file(file);
  if (!content) {
    Error error = content.error();
    error.code = ExitCode::kBadInput;
    return std::unexpected(std::move(error));
  }
  return parse(*content, file.string());
}

Result<Document> Document::parse(std::string_view text, std::string name) {
  auto state = std::make_shared<detail::State>();
  state->name = std::move(name);
  try {
    state->root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto& begin = error.source().begin;
    return fail(std::string(error.description()),
                state->name + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column),
                "the file is written in TOML 1.0", ExitCode::kBadInput);
  }
  return Document(std::move(state));
}

Section Document::root() const {
  return {state_, state_->view(state_->root, "")};
}

Result<void> Document::finish() const {
  auto complaints = state_->complaints;
  for (const auto& [table, view] : state_->tables) {
    for (const auto& [key, node] : *table) {
      if (view->asked.contains(key.str())) continue;
      complaints.push_back({{key.source().begin.line, key.source().begin.column},
                            "unknown key '" + std::string(key.str()) + "'" + in_section(*view),
                            nearest_hint(view->asked, key.str())});
    }
  }
  if (complaints.empty()) return {};
  std::ranges::stable_sort(complaints, {}, [](const auto& complaint) {
    return std::pair(complaint.position.line, complaint.position.column);
  });
  Error error;
  error.code = ExitCode::kBadInput;
  for (const auto& [position, what, hint] : complaints) {
    if (!error.what.empty()) error.what += '\n';
    error.what += state_->name + ":" + std::to_string(position.line) + ":" +
                  std::to_string(position.column) + ": " + what;
    if (!hint.empty()) error.what += "\n  hint: " + hint;
  }
  return std::unexpected(std::move(error));
}

}  // namespace anabranch::config
