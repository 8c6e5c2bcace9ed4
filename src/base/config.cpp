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
  const toml::table* table = nullptr;  ///< null: an absent section, or one in its short form
  std::string_view short_key;          ///< of a short form: the key whose value `short_value` is
  const toml::node* short_value = nullptr;
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

  Table* view_absent(std::string section, Position position) {
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
  if (table.short_value != nullptr && key == table.short_key) return table.short_value;
  return table.table == nullptr ? nullptr : table.table->get(key);
}

std::string without_number(std::string_view example) {
  std::string out(example);
  std::ranges::replace(out, '%', '1');
  return out;
}

std::int64_t number_of(std::string_view text) {
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
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

std::string Section::name(const Setting& setting) const {
  return "'" + (table_->short_value == nullptr ? std::string(setting.key) : table_->name) + "'";
}

bool Section::has(const Setting& setting) const {
  return find(*table_, setting.key) != nullptr;
}

void Section::complain(const Setting& setting, std::string what, std::string hint) const {
  state_->complaints.push_back(
      {position_of(*table_, find(*table_, setting.key)), std::move(what), std::move(hint)});
}

void Section::require(const Setting& setting) const {
  if (!setting.required || has(setting)) return;
  complain(setting, name(setting) + " is missing" + in_section(*table_),
           setting.example.empty()
               ? std::string()
               : "like " + std::string(setting.key) + " = " + without_number(setting.example));
}

std::optional<std::string> Section::written_text(const Setting& setting) const {
  require(setting);
  const auto* node = find(*table_, setting.key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_string()) return value->get();
  complain(setting, name(setting) + " is not a text", "put it in double quotes");
  return std::nullopt;
}

std::string Section::text(const Setting& setting) const {
  const auto written = written_text(setting);
  if (written && written->empty() && setting.required)
    complain(setting, name(setting) + " is empty");
  return written.value_or(std::string(setting.fallback));
}

std::string Section::choice(const Setting& setting) const {
  const auto written = written_text(setting);
  if (!written) return std::string(setting.fallback);
  if (std::ranges::find(setting.choices, *written) != setting.choices.end()) return *written;
  std::string list;
  for (const auto& value : setting.choices)
    list += (list.empty() ? "\"" : ", \"") + std::string(value) + "\"";
  complain(setting, name(setting) + " cannot be \"" + *written + "\"", "one of " + list);
  return std::string(setting.fallback);
}

bool Section::flag(const Setting& setting) const {
  require(setting);
  const auto* node = find(*table_, setting.key);
  const bool fallback = setting.fallback == "true";
  if (node == nullptr) return fallback;
  if (const auto* value = node->as_boolean()) return value->get();
  complain(setting, name(setting) + " is not true or false", "write it without quotes");
  return fallback;
}

std::int64_t Section::number(const Setting& setting) const {
  require(setting);
  const auto* node = find(*table_, setting.key);
  const std::int64_t fallback =
      setting.fallback.empty() ? setting.low : number_of(setting.fallback);
  if (node == nullptr) return fallback;
  const auto* value = node->as_integer();
  if (value == nullptr) {
    complain(setting, name(setting) + " is not a whole number", "write it without quotes");
    return fallback;
  }
  if (value->get() < setting.low || value->get() > setting.high) {
    complain(setting, name(setting) + " is out of range",
             "from " + std::to_string(setting.low) + " to " + std::to_string(setting.high));
    return fallback;
  }
  return value->get();
}

/// The written text or the fallback as a value; nothing after a complaint.
template <class Value, class Parse>
std::optional<Value> Section::parsed(const Setting& setting, Parse parse) const {
  const auto written = written_text(setting);
  if (!written && setting.fallback.empty()) return std::nullopt;
  const Result<Value> value = parse(written ? std::string_view(*written) : setting.fallback);
  if (value) return *value;
  complain(setting, value.error().what, value.error().hint);
  return std::nullopt;
}

nanoseconds Section::duration(const Setting& setting) const {
  const auto fallback = parse_duration(setting.fallback).value_or(nanoseconds(0));
  const auto value = parsed<nanoseconds>(setting, parse_duration);
  if (!value) return fallback;
  const milliseconds low(setting.low);
  const milliseconds high(setting.high);
  if (high == milliseconds(0) || (*value >= low && *value <= high)) return *value;
  complain(setting, name(setting) + " is out of range",
           "from " + duration_text(low) + " to " + duration_text(high));
  return fallback;
}

std::optional<IpAddress> Section::address(const Setting& setting) const {
  return parsed<IpAddress>(setting, IpAddress::parse);
}

std::optional<IpPrefix> Section::prefix(const Setting& setting) const {
  return parsed<IpPrefix>(setting, IpPrefix::parse);
}

std::vector<std::string> Section::texts(const Setting& setting) const {
  require(setting);
  std::vector<std::string> out;
  const auto* node = find(*table_, setting.key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr) {
    complain(setting, name(setting) + " is not a list", "write it like [\"a\", \"b\"]");
    return out;
  }
  for (const auto& element : *array) {
    if (const auto* value = element.as_string())
      out.push_back(value->get());
    else
      complain(setting, name(setting) + " holds something that is not a text",
               "put every element in double quotes");
  }
  return out;
}

Section Section::section(const Setting& setting) const {
  const auto* node = find(*table_, setting.key);
  const std::string full =
      (table_->name.empty() ? "" : table_->name + ".") + std::string(setting.key);
  if (node != nullptr) {
    if (const auto* table = node->as_table()) return {state_, state_->view(*table, full)};
    if (!setting.short_form.empty() && node->is_string()) {
      auto* table = state_->view_absent(full, position_of(*table_, node));
      table->short_key = setting.short_form;
      table->short_value = node;
      return {state_, table};
    }
    complain(setting, name(setting) + " is not a section", "write it as [" + full + "]");
  } else if (setting.required) {
    complain(setting, "the section [" + full + "] is missing");
  }
  return {state_, state_->view_absent(full, table_->position)};
}

std::vector<Section> Section::sections(const Setting& setting) const {
  std::vector<Section> out;
  const std::string key(setting.key);
  if (const auto* node = find(*table_, key)) {
    const auto* array = node->as_array();
    if (array == nullptr ||
        !std::ranges::all_of(*array, [](const auto& e) { return e.is_table(); })) {
      complain(setting, "'" + key + "' is not a list of sections",
               "write each one under a line [[" + key + "]]");
      return out;
    }
    for (const auto& element : *array)
      out.push_back({state_, state_->view(*element.as_table(), key)});
  }
  if (out.empty() && setting.required)
    complain(setting, "there is no [[" + key + "]]", "at least one is needed");
  return out;
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
