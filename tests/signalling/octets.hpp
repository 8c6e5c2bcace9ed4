// SPDX-License-Identifier: MIT
// What tests of conversations are written with.
#pragma once

#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "signalling/signalling.hpp"
#include "support/hex.hpp"

namespace anabranch::signalling {

using test::hex;

inline Octets text(std::string_view letters) {
  return {letters.begin(), letters.end()};
}

inline Octets operator+(Octets front, const Octets& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

inline Endpoint endpoint(std::string_view written) {
  return Endpoint::parse(written).value();
}

inline IpAddress address(std::string_view written) {
  return IpAddress::parse(written).value();
}

/// What a conversation said, which has to be a T.
template <class T, class... Said>
T expect(const std::variant<Said...>& said) {
  if (const auto* value = std::get_if<T>(&said)) return *value;
  ADD_FAILURE() << "the conversation said something else: alternative " << said.index();
  return {};
}

/// Hears the octets one by one: only the last one of a message may decide.
template <class Conversation>
auto hear_slowly(Conversation& conversation, const Octets& octets) {
  for (std::size_t size = 0; size < octets.size(); ++size)
    if (auto said = conversation.hear(Heard(octets).first(size));
        !std::holds_alternative<NeedMore>(said))
      return said;
  return conversation.hear(octets);
}

}  // namespace anabranch::signalling
