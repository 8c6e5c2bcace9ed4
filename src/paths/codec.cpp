// SPDX-License-Identifier: MIT
#include "paths/codec.hpp"

#include <array>
#include <cmath>
#include <concepts>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "paths/codec_members.hpp"
#include "paths/setting_definitions.hpp"

namespace anabranch::paths {
namespace {

using nlohmann::json;

// Sums and differences of a few such values stay within 64 bits.
constexpr std::int64_t kLatest_ns = 3'200'000'000'000'000'000;  ///< a hundred years
constexpr std::int64_t kLongest_ns = 320'000'000'000'000'000;   ///< ten years
constexpr double kFastest = 1e30;  ///< bits per second; "unlimited" in the kernel is 2^67

struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::array<std::string_view, 13> kInputNames{
    "paths",    "event",  "owner",     "sample",   "adopted", "gone", "probed",
    "measured", "failed", "listening", "counters", "limits",  "tick"};
static_assert(kInputNames.size() == std::variant_size_v<Input>);

using What = decltype(Action::what);
constexpr std::array<std::string_view, 15> kActionNames{
    "create_subflow", "destroy_subflow", "reset_subflow", "abandon_join",   "remove_address",
    "set_backup",     "announce",        "ask_listening", "open_listener",  "close_listener",
    "probe",          "measure",         "prefer_path",   "limit_subflows", "note"};
static_assert(kActionNames.size() == std::variant_size_v<What>);

using namespace members;

template <class Value>
struct Inner {};
template <class Value>
struct Inner<std::optional<Value>> {
  using Optional = Value;
};
template <class Value>
struct Inner<std::vector<Value>> {
  using Element = Value;
};
template <class Value>
concept Optional = requires {
  typename Inner<Value>::Optional;
};
template <class Value>
concept List = requires {
  typename Inner<Value>::Element;
};

struct Writer {
  json out = json::object();

  template <class Value>
  void operator()(const char* name, const Value& value) {
    if constexpr (Optional<Value>) {
      if (!value) return;
    } else if constexpr (List<Value>) {
      if (value.empty()) return;
    } else if constexpr (std::equality_comparable<Value> && !std::is_enum_v<Value>) {
      if (value == Value{}) return;
    }
    out[name] = json_of(value);
  }

  template <class Value>
  static json json_of(const Value& value) {
    if constexpr (std::integral<Value> || Is<Value, std::string>) {
      return value;
    } else if constexpr (std::is_enum_v<Value>) {
      return kNames<Value>.at(static_cast<std::size_t>(value));
    } else if constexpr (Is<Value, IpAddress> || Is<Value, IpPrefix> || Is<Value, Endpoint>) {
      return value.text();
    } else if constexpr (Is<Value, nanoseconds>) {
      return value.count();
    } else if constexpr (Is<Value, BitRate>) {
      return value.bits_per_second;
    } else if constexpr (Optional<Value>) {
      return json_of(*value);
    } else if constexpr (List<Value>) {
      json list = json::array();
      for (const auto& element : value) list.push_back(json_of(element));
      return list;
    } else {
      Writer inner;
      describe(inner, value);
      return std::move(inner.out);
    }
  }
};

template <class Value>
Value value_or_refuse(const Result<Value>& result) {
  if (!result) throw Refused(result.error().what);
  return *result;
}

template <std::integral Value>
Value whole(const json& value) {
  // What is negative and what is beyond 63 bits are different kinds of number in a json.
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (std::in_range<Value>(number)) return static_cast<Value>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    if (std::in_range<Value>(number)) return static_cast<Value>(number);
  }
  throw Refused(value.dump(-1, ' ', true, json::error_handler_t::replace) +
                " is no whole number that fits here");
}

std::int64_t bounded(const json& value, std::int64_t low, std::int64_t high) {
  const auto number = whole<std::int64_t>(value);
  if (number < low || number > high) throw Refused("a time is out of bounds");
  return number;
}

struct Reader {
  const json& in;
  std::size_t found = 0;

  template <class Value>
  void operator()(const char* name, Value& value) {
    const auto member = in.find(name);
    if (member == in.end()) {
      value = Value{};
      return;
    }
    ++found;
    try {
      read(*member, value);
    } catch (const std::exception& error) {
      throw Refused(std::string(name) + ": " + error.what());
    }
  }

  template <class Value>
  static void read(const json& from, Value& value) {
    if constexpr (Is<Value, bool>) {
      value = from.get<bool>();
    } else if constexpr (std::integral<Value>) {
      value = whole<Value>(from);
    } else if constexpr (Is<Value, std::string>) {
      value = from.get<std::string>();
    } else if constexpr (std::is_enum_v<Value>) {
      value = static_cast<Value>(index_of(kNames<Value>, from.get<std::string>()));
    } else if constexpr (Is<Value, IpAddress> || Is<Value, IpPrefix> || Is<Value, Endpoint>) {
      value = value_or_refuse(Value::parse(from.get<std::string>()));
    } else if constexpr (Is<Value, nanoseconds>) {
      value = nanoseconds(bounded(from, -kLongest_ns, kLongest_ns));
    } else if constexpr (Is<Value, BitRate>) {
      value.bits_per_second = from.get<double>();
      if (!(std::abs(value.bits_per_second) <= kFastest)) throw Refused("a rate is out of bounds");
    } else if constexpr (Optional<Value>) {
      read(from, value.emplace());
    } else if constexpr (List<Value>) {
      if (!from.is_array()) throw Refused("is no list");
      for (const auto& element : from) read(element, value.emplace_back());
    } else {
      read_members(from, value);
    }
  }

  template <class Value>
  static void read_members(const json& from, Value& value) {
    if (!from.is_object()) throw Refused("is no object");
    Reader reader{from};
    describe(reader, value);
    if (reader.found != from.size()) throw Refused("there is a member that is not known");
  }

  static std::size_t index_of(std::span<const std::string_view> names, std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return i;
    throw Refused("'" + std::string(name) + "' is not known");
  }
};

template <class Variant>
json encode_variant(const Variant& value) {
  return std::visit([](const auto& inner) { return Writer::json_of(inner); }, value);
}

/// The alternative that `name` stands for.
template <class Variant, std::size_t... I>
Variant decode_variant(std::size_t index, const json& from, std::index_sequence<I...>) {
  Variant out;
  const auto take = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
    if (N == index) Reader::read_members(from, out.template emplace<N>());
  };
  (take(std::integral_constant<std::size_t, I>()), ...);
  return out;
}

template <class Variant>
Variant decode_variant(std::span<const std::string_view> names, const std::string& name,
                       const json& from) {
  return decode_variant<Variant>(Reader::index_of(names, name), from,
                                 std::make_index_sequence<std::variant_size_v<Variant>>());
}

/// Turns what is thrown below into an Error.
template <class Decode>
auto caught(std::string_view what, Decode decode) -> Result<decltype(decode())> {
  try {
    return decode();
  } catch (const std::exception& error) {
    return fail(std::string(what) + " cannot be read: " + error.what(), {}, {},
                ExitCode::kBadInput);
  }
}

}  // namespace

std::string_view input_name(const Input& input) {
  return kInputNames.at(input.index());
}

std::string_view action_name(const Action& action) {
  return kActionNames.at(action.what.index());
}

std::string_view event_name(kernel::MptcpEvent::Type type) {
  return kNames<kernel::MptcpEvent::Type>.at(static_cast<std::size_t>(type));
}

json encode(const Input& input) {
  return {{std::string(input_name(input)), encode_variant(input)}};
}

json encode(const Action& action) {
  return {{"number", action.number},
          {"reason", action.reason},
          {std::string(action_name(action)), encode_variant(action.what)}};
}

json encode(const Settings& settings) {
  return Writer::json_of(settings);
}

Result<Input> decode_input(const json& value) {
  return caught("an input", [&] {
    if (!value.is_object() || value.size() != 1) throw Refused("it is no object of one member");
    return decode_variant<Input>(kInputNames, value.begin().key(), value.begin().value());
  });
}

Result<Action> decode_action(const json& value) {
  return caught("an action", [&] {
    Action out;
    if (!value.is_object() || value.size() != 3) throw Refused("it is no object of three members");
    out.number = whole<std::uint64_t>(value.at("number"));
    out.reason = value.at("reason").get<std::string>();
    for (const auto& [name, inner] : value.items())
      if (name != "number" && name != "reason")
        out.what = decode_variant<What>(kActionNames, name, inner);
    return out;
  });
}

Result<Settings> decode_settings(const json& value) {
  return caught("the settings", [&] {
    Settings out;
    Reader::read_members(value, out);
    if (out.probe_interval <= nanoseconds(0) || out.probe_interval_limit < out.probe_interval)
      throw Refused("the intervals of probes are none");
    if (out.subflows == 0 || out.subflows > definition::kMostSubflows)
      throw Refused("the number of subflows is out of bounds");
    return out;
  });
}

Result<MonotonicTime> decode_time(const json& value) {
  return caught("a time",
                [&] { return MonotonicTime(nanoseconds(bounded(value, 0, kLatest_ns))); });
}

}  // namespace anabranch::paths
