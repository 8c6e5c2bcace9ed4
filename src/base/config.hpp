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
#include <initializer_list>
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
  std::string_view example = {};
  std::int64_t low = 0;  ///< of a kNumber
  std::int64_t high = 0;
  std::span<const std::string_view> choices = {};  ///< of a kChoice; fallback is one of them
  std::span<const Setting> settings = {};          ///< of a kTable or kTables
};

class Section {
 public:
  // By definition: bounds, fallback and whether it is required are the Setting's. A number or text
  // that is required and missing is complained of and reads as its lower bound or empty.
  bool has(const Setting& setting) const { return has(setting.key); }
  std::string text(const Setting& setting) const;
  std::string choice(const Setting& setting) const;
  bool flag(const Setting& setting) const;
  std::int64_t number(const Setting& setting) const;
  nanoseconds duration(const Setting& setting) const;
  std::optional<IpAddress> address(const Setting& setting) const;
  std::optional<IpPrefix> prefix(const Setting& setting) const;
  std::vector<std::string> texts(const Setting& setting) const;
  Section section(const Setting& setting) const;
  std::vector<Section> sections(const Setting& setting) const;
  void complain(const Setting& setting, std::string what, std::string hint = {}) const {
    complain(setting.key, std::move(what), std::move(hint));
  }

  bool has(std::string_view key) const;
  /// For keys that are either a text or a section.
  bool is_text(std::string_view key) const;

  std::string text(std::string_view key, std::string_view fallback = {}) const;
  std::string require_text(std::string_view key) const;
  /// One of `allowed`; the first is the default.
  std::string choice(std::string_view key, std::initializer_list<std::string_view> allowed) const;
  bool flag(std::string_view key, bool fallback) const;
  std::int64_t number(std::string_view key, std::int64_t fallback, std::int64_t low,
                      std::int64_t high) const;
  std::int64_t require_number(std::string_view key, std::int64_t low, std::int64_t high) const;
  nanoseconds duration(std::string_view key, nanoseconds fallback) const;
  std::optional<IpAddress> address(std::string_view key) const;
  std::optional<IpPrefix> prefix(std::string_view key) const;
  IpPrefix require_prefix(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;

  /// A table `[key]`; empty when absent (its getters then give their fallbacks).
  Section section(std::string_view key) const;
  /// The same, absent is a complaint.
  Section require_section(std::string_view key) const;
  /// An array of tables `[[key]]`.
  std::vector<Section> sections(std::string_view key) const;

  /// Complains about `key` of this section, or about the section itself when it has no such key.
  void complain(std::string_view key, std::string what, std::string hint = {}) const;

 private:
  friend class Document;
  void require(const Setting& setting) const;
  Section(std::shared_ptr<detail::State> state, const detail::Table* table)
      : state_(std::move(state)), table_(table) {}

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
