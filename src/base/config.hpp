// SPDX-License-Identifier: MIT
// Reads a role's TOML file. Every complaint names file:line:col and says what to do; all complaints
// of a file are collected, so that one `check` shows them all. A key nobody asked for is a
// complaint too, with the nearest known key as the hint.
//
// Each key is defined once, as a Setting: the reader, the manual page and the example file are all
// made from that definition.
//
//   constexpr Setting kMaxPaths{.key = "max_paths", .kind = Kind::kNumber, .help = "...",
//                               .fallback = "8", .low = 1, .high = 8};
//   auto document = config::Document::load(path);
//   settings.max_paths = document->root().number(kMaxPaths);
//   for (config::Section uplink : document->root().sections(kUplink)) { ... }
//   ANABRANCH_TRY(document->finish());
//
// A getter that complains returns a harmless value, so that reading goes on to find the next
// mistake; finish() then returns the error. Sections are views: the Document must outlive them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::config {

namespace detail {
struct Table;
struct State;
}  // namespace detail

enum class Kind {
  kText,
  kChoice,
  kFlag,
  kNumber,
  kDuration,
  kAddress,
  kPrefix,
  kTexts,   ///< a list of texts
  kTable,   ///< [key]
  kTables,  ///< [[key]]
};

/// One key of a file. Texts are whole sentences: they are what the manual says.
struct Setting {
  std::string_view key;
  Kind kind = Kind::kText;
  std::string_view help;
  std::string_view fallback = {};  ///< as written in the file, without quotes; empty: nothing
  bool required = false;
  /// As written in the file, quotes and all: what the example file shows. The fallback otherwise.
  /// Below a kTables a '%' stands for the number of the entry.
  std::string_view example = {};
  /// Bounds of a kNumber, and in milliseconds of a kDuration: both 0 there for none.
  std::int64_t low = 0;
  std::int64_t high = 0;
  std::span<const std::string_view> choices = {};  ///< of a kChoice; fallback is one of them
  std::span<const Setting> settings = {};          ///< of a kTable or kTables
  /// Of a kTable: the key inside it that `key = "text"` stands for, when that short form is
  /// allowed.
  std::string_view short_form = {};
  unsigned examples = 1;  ///< of a kTables: how many entries the example file shows
};

/// Getters give the fallback of an absent key and of one they complain about; without a fallback 0
/// (a number: its lower bound), empty or nothing.
class Section {
 public:
  bool has(const Setting& setting) const;
  std::string text(const Setting& setting) const;
  std::string choice(const Setting& setting) const;
  bool flag(const Setting& setting) const;
  std::int64_t number(const Setting& setting) const;
  nanoseconds duration(const Setting& setting) const;
  std::optional<IpAddress> address(const Setting& setting) const;
  std::optional<IpPrefix> prefix(const Setting& setting) const;
  std::vector<std::string> texts(const Setting& setting) const;
  /// Empty when absent: its getters then give their fallbacks.
  Section section(const Setting& setting) const;
  std::vector<Section> sections(const Setting& setting) const;

  /// Complains about a key of this section, or about the section itself when it has no such key.
  void complain(const Setting& setting, std::string what, std::string hint = {}) const;

 private:
  friend class Document;
  Section(std::shared_ptr<detail::State> state, const detail::Table* table)
      : state_(std::move(state)), table_(table) {}

  void require(const Setting& setting) const;
  std::string name(const Setting& setting) const;
  /// The text of a key that is there; complains when it is something else.
  std::optional<std::string> written_text(const Setting& setting) const;
  template <class Value, class Parse>
  std::optional<Value> parsed(const Setting& setting, Parse parse) const;

  std::shared_ptr<detail::State> state_;
  const detail::Table* table_ = nullptr;
};

class Document {
 public:
  static Result<Document> load(const std::filesystem::path& file);
  /// `name` stands for the file in messages.
  static Result<Document> parse(std::string_view text, std::string name);

  Section root() const;
  /// The complaints so far, keys never asked for included, as one Error with kBadInput: one
  /// "file:line:col: what" a line, each followed by its hint.
  Result<void> finish() const;

 private:
  explicit Document(std::shared_ptr<detail::State> state) : state_(std::move(state)) {}
  std::shared_ptr<detail::State> state_;
};

}  // namespace anabranch::config
