// SPDX-License-Identifier: MIT
#include "lab/wire_protocol.hpp"

#include <array>

#include <nlohmann/json.hpp>

namespace anabranch::lab {
namespace {

using nlohmann::json;

constexpr double kLeastRate = 1e3;
constexpr double kMostRate = 1e12;
constexpr std::int64_t kMostTime = 3'600'000'000'000;

std::unexpected<Error> bad(std::string what) {
  return fail(std::move(what), "wire", {}, ExitCode::kBadInput);
}

Result<json> parse_object(std::string_view text) {
  auto value = json::parse(text, nullptr, false);
  if (!value.is_object()) return bad("not a JSON object: " + std::string(text));
  return value;
}

Result<void> read_time(const json& value, const std::string& key,
                       std::optional<std::int64_t>& time) {
  if (!value.is_number()) return bad(key + " is not a number");
  // As a double first: a number that is too large for 64 bits must not wrap into the range.
  const double number = value.get<double>();
  if (!(number >= 0 && number <= static_cast<double>(kMostTime)))
    return bad(key + " is not between 0 and an hour");
  time = value.get<std::int64_t>();
  return {};
}

struct State {
  WireCommand::Kind kind;
  const char* name;
};
constexpr std::array kStates = {State{WireCommand::Kind::kUp, "up"},
                                State{WireCommand::Kind::kDrop, "drop"},
                                State{WireCommand::Kind::kCut, "cut"}};

std::optional<std::int64_t> id_of(const json& object) {
  const auto id = object.find("id");
  if (id == object.end() || !id->is_number_integer()) return std::nullopt;
  return id->get<std::int64_t>();
}

json change_to_json(const ProfileChange& change) {
  json object = json::object();
  if (change.rate_bit) object["rate_bit"] = *change.rate_bit;
  if (change.delay_ns) object["delay_ns"] = *change.delay_ns;
  if (change.jitter_ns) object["jitter_ns"] = *change.jitter_ns;
  if (change.loss) object["loss"] = *change.loss;
  if (change.queue_ns) object["queue_ns"] = *change.queue_ns;
  return object;
}

struct CounterName {
  const char* name;
  std::uint64_t DirectionCounters::*value;
};
constexpr std::array kCounterNames = {
    CounterName{"frames", &DirectionCounters::frames},
    CounterName{"octets", &DirectionCounters::octets},
    CounterName{"dropped_queue", &DirectionCounters::dropped_queue},
    CounterName{"dropped_loss", &DirectionCounters::dropped_loss},
    CounterName{"dropped_state", &DirectionCounters::dropped_state},
    CounterName{"dropped_relay", &DirectionCounters::dropped_relay},
};

json counters_to_json(const DirectionCounters& counters) {
  json object = json::object();
  for (const auto& [name, value] : kCounterNames) object[name] = counters.*value;
  return object;
}

Result<DirectionCounters> counters_from(const json& answer, const char* key) {
  DirectionCounters counters;
  const auto object = answer.find(key);
  if (object == answer.end() || !object->is_object())
    return bad(std::string("answer without ") + key);
  for (const auto& [name, value] : kCounterNames) {
    const auto member = object->find(name);
    if (member == object->end() || !member->is_number_unsigned())
      return bad(std::string("counters without ") + name);
    counters.*value = member->get<std::uint64_t>();
  }
  return counters;
}

}  // namespace

LinkProfile ProfileChange::applied_to(LinkProfile profile) const {
  if (rate_bit) profile.rate = BitRate{*rate_bit};
  if (delay_ns) profile.delay = nanoseconds(*delay_ns);
  if (jitter_ns) profile.jitter = nanoseconds(*jitter_ns);
  if (loss) profile.loss = *loss;
  if (queue_ns) profile.queue = nanoseconds(*queue_ns);
  return profile;
}

ProfileChange whole_profile(const LinkProfile& profile) {
  return {.rate_bit = profile.rate.bits_per_second,
          .delay_ns = profile.delay.count(),
          .jitter_ns = profile.jitter.count(),
          .loss = profile.loss,
          .queue_ns = profile.queue.count()};
}

json profile_to_json(const LinkProfile& profile) {
  return change_to_json(whole_profile(profile));
}

Result<ProfileChange> profile_change_from(const json& object) {
  if (!object.is_object()) return bad("a profile is not an object");
  ProfileChange change;
  for (const auto& [key, value] : object.items()) {
    if (key == "rate_bit") {
      const double rate = value.is_number() ? value.get<double>() : -1;
      if (rate != 0 && !(rate >= kLeastRate && rate <= kMostRate))
        return bad("rate_bit is neither 0 nor between 1 kbit/s and 1 Tbit/s");
      change.rate_bit = rate;
    } else if (key == "loss") {
      const double loss = value.is_number() ? value.get<double>() : -1;
      if (!(loss >= 0 && loss <= 1)) return bad("loss is not between 0 and 1");
      change.loss = loss;
    } else if (key == "delay_ns") {
      ANABRANCH_TRY(read_time(value, key, change.delay_ns));
    } else if (key == "jitter_ns") {
      ANABRANCH_TRY(read_time(value, key, change.jitter_ns));
    } else if (key == "queue_ns") {
      ANABRANCH_TRY(read_time(value, key, change.queue_ns));
    } else {
      return bad("a profile has no '" + key + "'");
    }
  }
  return change;
}

Result<WireCommand> parse_wire_command(std::string_view line) {
  const auto object = parse_object(line);
  if (!object) return std::unexpected(object.error());
  WireCommand command;
  command.id = id_of(*object);
  const auto link = object->find("link");
  if (link == object->end() || !link->is_string()) return bad("a command names no link");
  command.link = link->get<std::string>();

  if (const auto set = object->find("set"); set != object->end()) {
    auto change = profile_change_from(*set);
    if (!change) return std::unexpected(change.error());
    command.kind = WireCommand::Kind::kSet;
    command.change = *change;
    return command;
  }
  if (const auto state = object->find("state"); state != object->end()) {
    for (const auto& known : kStates) {
      if (*state != known.name) continue;
      command.kind = known.kind;
      return command;
    }
    return bad("a link's state is \"up\", \"drop\" or \"cut\"");
  }
  if (object->contains("counters")) return command;
  return bad("a command is one of \"set\", \"state\", \"counters\"");
}

std::string format_wire_command(const WireCommand& command) {
  json object = {{"link", command.link}};
  if (command.id) object["id"] = *command.id;
  if (command.kind == WireCommand::Kind::kSet) object["set"] = change_to_json(command.change);
  if (command.kind == WireCommand::Kind::kCounters) object["counters"] = true;
  for (const auto& state : kStates)
    if (state.kind == command.kind) object["state"] = state.name;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string format_wire_answer(const WireAnswer& answer) {
  json object = {{"ok", !answer.error}};
  if (answer.id) object["id"] = *answer.id;
  if (answer.error) object["error"] = *answer.error;
  if (answer.counters) {
    object["a_to_b"] = counters_to_json(answer.counters->a_to_b);
    object["b_to_a"] = counters_to_json(answer.counters->b_to_a);
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<WireAnswer> parse_wire_answer(std::string_view line) {
  const auto object = parse_object(line);
  if (!object) return std::unexpected(object.error());
  WireAnswer answer;
  answer.id = id_of(*object);
  const auto ok = object->find("ok");
  if (ok == object->end() || !ok->is_boolean()) return bad("an answer without \"ok\"");
  if (!ok->get<bool>()) {
    const auto error = object->find("error");
    answer.error = error != object->end() && error->is_string() ? error->get<std::string>()
                                                                : "the wire gives no reason";
    return answer;
  }
  if (!object->contains("a_to_b")) return answer;
  const auto a_to_b = counters_from(*object, "a_to_b");
  if (!a_to_b) return std::unexpected(a_to_b.error());
  const auto b_to_a = counters_from(*object, "b_to_a");
  if (!b_to_a) return std::unexpected(b_to_a.error());
  answer.counters = {*a_to_b, *b_to_a};
  return answer;
}

std::string format_wire_links(const std::vector<WireLink>& links) {
  json list = json::array();
  for (const auto& link : links)
    list.push_back({{"name", link.name},
                    {"a", link.interface_a},
                    {"b", link.interface_b},
                    {"profile", profile_to_json(link.profile)}});
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::vector<WireLink>> parse_wire_links(std::string_view text) {
  const auto list = json::parse(text, nullptr, false);
  if (!list.is_array()) return bad("the links are not a JSON list");
  std::vector<WireLink> links;
  for (const auto& item : list) {
    if (!item.is_object()) return bad("a link is not a JSON object");
    WireLink link;
    for (const auto& [key, value] : item.items()) {
      if (key == "profile") {
        const auto change = profile_change_from(value);
        if (!change) return std::unexpected(change.error());
        link.profile = change->applied_to({});
        continue;
      }
      if (!value.is_string()) return bad("a link's '" + key + "' is not a string");
      if (key == "name")
        link.name = value.get<std::string>();
      else if (key == "a")
        link.interface_a = value.get<std::string>();
      else if (key == "b")
        link.interface_b = value.get<std::string>();
      else
        return bad("a link has no '" + key + "'");
    }
    if (link.name.empty() || link.interface_a.empty() || link.interface_b.empty())
      return bad("a link needs \"name\", \"a\" and \"b\"");
    links.push_back(std::move(link));
  }
  return links;
}

}  // namespace anabranch::lab
