// SPDX-License-Identifier: MIT
#include "manual/example_file.hpp"

#include <array>
#include <functional>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balancer/settings.hpp"
#include "gateway/settings.hpp"
#include "host/settings.hpp"
#include "manual/role_files.hpp"
#include "manual/settings_text.hpp"
#include "paths/settings.hpp"
#include "proxy/converter_settings.hpp"
#include "proxy/cpe_settings.hpp"

namespace anabranch::manual {
namespace {

using config::Kind;
using config::Setting;
using ::testing::HasSubstr;

std::string example(const RoleFile& file) {
  return example_file(file.role, file.introduction, file.settings);
}

/// The "#" of every setting and section taken away; explanations have a space after theirs.
std::string uncommented(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const bool setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    out += line.substr(setting ? 1 : 0) + '\n';
  }
  return out;
}

/// What the role's own reader complains about; empty: nothing.
std::string complaints(const RoleFile& file, const std::string& text) {
  const auto of = [](const auto& read) { return read ? std::string() : read.error().text(); };
  if (file.role == "gateway") return of(gateway::parse(text, "f.toml"));
  if (file.role == "host") return of(host::parse_settings(text, "f.toml"));
  if (file.role == "paths") return of(paths::parse_settings(text, "f.toml"));
  if (file.role == "cpe") return of(proxy::parse_cpe_settings(text, "f.toml"));
  if (file.role == "converter") return of(proxy::parse_converter_settings(text, "f.toml"));
  if (file.role == "balancer") return of(balancer::parse_balancer_settings(text, "f.toml"));
  return "no reader is known for the role " + std::string(file.role);
}

/// The keys in the order in which a complaint about an unknown key lists them.
std::string sorted_keys(std::span<const Setting> settings) {
  std::set<std::string> keys;
  for (const auto& setting : settings) keys.emplace(setting.key);
  std::string out;
  for (const auto& key : keys) out += (out.empty() ? "" : ", ") + key;
  return out;
}

void for_each_setting(std::span<const Setting> settings,
                      const std::function<void(const Setting&)>& visit) {
  for (const auto& setting : settings) {
    visit(setting);
    for_each_setting(setting.settings, visit);
  }
}

class Example : public ::testing::TestWithParam<RoleFile> {};

TEST_P(Example, IsAGoodFileAsItIs) {
  EXPECT_EQ(complaints(GetParam(), example(GetParam())), "");
}

TEST_P(Example, IsAGoodFileWithEverythingInIt) {
  EXPECT_EQ(complaints(GetParam(), uncommented(example(GetParam()))), "");
}

TEST_P(Example, ShowsEverySettingAndExplainsIt) {
  const auto text = example(GetParam());
  for_each_setting(GetParam().settings, [&](const Setting& setting) {
    EXPECT_THAT(text, HasSubstr(is_table(setting) ? std::string(setting.key) + "]"
                                                  : std::string(setting.key) + " = "));
    EXPECT_THAT(text, HasSubstr("# " + std::string(setting.help.substr(0, 20))));
  });
}

TEST_P(Example, HasNoLineThatIsTooLong) {
  std::istringstream in(example(GetParam()));
  for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), 100u) << line;
}

// A key nobody knows makes the reader tell all those it asks for in that section.
TEST_P(Example, TheReaderAsksForWhatIsDefinedAndForNothingElse) {
  const std::string unknown = "a-key-that-there-is-not = 1\n";
  const std::string all = uncommented(example(GetParam()));
  EXPECT_THAT(complaints(GetParam(), unknown + all) + '\n',
              HasSubstr("hint: known here: " + sorted_keys(GetParam().settings) + "\n"));
  const std::function<void(std::span<const Setting>, const std::string&)> walk =
      [&](std::span<const Setting> settings, const std::string& outer) {
        for (const auto& table : settings) {
          if (!is_table(table)) continue;
          const auto path = outer + std::string(table.key);
          std::string text = all;
          const auto header = text.find('[' + path + "]");
          ASSERT_NE(header, text.npos) << path;
          text.insert(text.find('\n', header) + 1, unknown);
          EXPECT_THAT(complaints(GetParam(), text) + '\n',
                      HasSubstr("hint: known here: " + sorted_keys(table.settings) + "\n"));
          walk(table.settings, path + '.');
        }
      };
  walk(GetParam().settings, "");
}

// What a definition must have to be read, explained and shown.
TEST_P(Example, DefinitionsAreComplete) {
  for_each_setting(GetParam().settings, [](const Setting& setting) {
    SCOPED_TRACE(std::string(setting.key));
    EXPECT_TRUE(setting.help.ends_with('.'));
    EXPECT_EQ(setting.settings.empty(), !is_table(setting));
    if (is_table(setting)) return;
    EXPECT_NE(example_text(setting), "") << "neither fallback nor example";
    EXPECT_FALSE(setting.required && !setting.fallback.empty());
    EXPECT_EQ(setting.choices.empty(), setting.kind != Kind::kChoice);
    if (setting.kind == Kind::kChoice && !setting.required) {
      EXPECT_THAT(setting.choices, ::testing::Contains(setting.fallback));
    }
    if (setting.kind == Kind::kNumber) {
      EXPECT_LT(setting.low, setting.high);
    }
    if (setting.kind == Kind::kTexts) {
      EXPECT_EQ(setting.fallback, "") << "is not read";
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Each, Example, ::testing::ValuesIn(role_files()),
                         [](const auto& one) { return std::string(one.param.role); });

TEST(ExampleFile, ASectionThatNeedsSomethingIsLeftOutAsAWhole) {
  static constexpr std::array kKeys{
      Setting{.key = "listen", .help = "Where.", .required = true, .example = "\"[::1]:9\""}};
  static constexpr std::array kAll{
      Setting{.key = "metrics", .kind = Kind::kTable, .help = "Figures.", .settings = kKeys}};
  EXPECT_THAT(example_file("x", "Intro.", kAll),
              HasSubstr("# Figures.\n#[metrics]\n# Where.\n#listen = \"[::1]:9\"\n"));
}

}  // namespace
}  // namespace anabranch::manual
