// SPDX-License-Identifier: MIT
#include "host/told_converters.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/registry.hpp"
#include "support/hex.hpp"

namespace anabranch::host {
namespace {

using test::hex;

std::vector<Endpoint> endpoints(std::initializer_list<const char*> texts) {
  std::vector<Endpoint> out;
  for (const char* text : texts) out.push_back(Endpoint::parse(text).value());
  return out;
}

TEST(ToldConverters, AreInTwoOptionsOfWhichThePortMayBeMissing) {
  DhcpMessage message;
  EXPECT_TRUE(converters_in(message).empty());
  message.options[registry::kConverterPortCode] = hex("01bb");
  EXPECT_TRUE(converters_in(message).empty());
  message.options[registry::kConvertersCode] = hex("04 c6120909");
  EXPECT_EQ(converters_in(message), endpoints({"198.18.9.9:443"}));
  message.options.erase(registry::kConverterPortCode);
  EXPECT_EQ(converters_in(message), endpoints({"198.18.9.9:5124"}));
}

TEST(ToldConverters, EachIsThereOnceWithThePathsThatTellOfIt) {
  std::vector<ToldConverter> told;
  add_told(told, 2, endpoints({"192.0.2.2:1", "192.0.2.1:1"}));
  add_told(told, 1, endpoints({"192.0.2.1:1", "192.0.2.1:2"}));
  add_told(told, 2, endpoints({"192.0.2.1:1"}));
  EXPECT_EQ(told_text(told),
            "192.0.2.2:1 (path 2), 192.0.2.1:1 (paths 1, 2), 192.0.2.1:2 (path 1)");
  EXPECT_EQ(told_text({}), "none");
}

TEST(ToldConverters, OfAllPathsTogetherAreFew) {
  std::vector<ToldConverter> told;
  for (unsigned path = 1; path <= 8; ++path)
    for (unsigned i = 0; i < 16; ++i) {
      const Endpoint one{IpAddress::v4(0xc0000200 + path), static_cast<std::uint16_t>(i + 1)};
      add_told(told, path, std::span(&one, 1));
    }
  EXPECT_EQ(told.size(), 16u);
}

TEST(ToldConverters, ComeBackFromAFile) {
  const auto list = endpoints({"198.18.9.9:443", "[2001:db8::9]:5124"});
  EXPECT_EQ(endpoints_from_json(endpoints_to_json(list)), list);
  EXPECT_ANY_THROW(endpoints_from_json(nlohmann::json::parse(R"(["nobody"])")));
  EXPECT_ANY_THROW(endpoints_from_json(nlohmann::json::parse(R"([7])")));
}

}  // namespace
}  // namespace anabranch::host
