// SPDX-License-Identifier: MIT
// Values of BPF maps, written and read.
#pragma once

#include <cerrno>
#include <cstdint>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

template <class Key, class Value>
Result<void> update(::bpf_map* map, const Key& key, const Value& value) {
  const int result = ::bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value, BPF_ANY);
  if (result == 0) return {};
  return fail_errno(-result, "cannot write into a map", ::bpf_map__name(map));
}

/// Having none is success.
template <class Key>
Result<void> remove(::bpf_map* map, const Key& key) {
  const int result = ::bpf_map__delete_elem(map, &key, sizeof key, 0);
  if (result == 0 || result == -ENOENT) return {};
  return fail_errno(-result, "cannot remove from a map", ::bpf_map__name(map));
}

template <class Key>
Result<std::vector<Key>> keys_of(const ::bpf_map* map) {
  std::vector<Key> out;
  Key key{};
  int result = ::bpf_map__get_next_key(map, nullptr, &key, sizeof key);
  while (result == 0) {
    out.push_back(key);
    result = ::bpf_map__get_next_key(map, &key, &key, sizeof key);
  }
  if (result != -ENOENT) return fail_errno(-result, "cannot read a map", ::bpf_map__name(map));
  return out;
}

/// One more map, with `value` as its only element, takes the place `index` of a map of maps: who
/// reads meanwhile sees the former or this one.
template <class Value>
Result<void> put_map(::bpf_map* maps, std::uint32_t index, const Value& value) {
  const std::uint32_t only = 0;
  // The map of maps keeps what is put into it: our descriptor may go.
  const UniqueFd fresh(::bpf_map_create(BPF_MAP_TYPE_ARRAY, ::bpf_map__name(maps), sizeof only,
                                        sizeof value, 1, nullptr));
  if (!fresh || ::bpf_map_update_elem(fresh.get(), &only, &value, BPF_ANY) != 0)
    return fail_errno("cannot make a map", ::bpf_map__name(maps));
  return update(maps, index, fresh.get());
}

/// The values of one element on all processors.
template <class Value>
Result<std::vector<Value>> per_processor(const ::bpf_map* map, std::uint32_t key) {
  const int processors = ::libbpf_num_possible_cpus();
  if (processors < 0) return fail_errno(-processors, "cannot tell how many processors there are");
  std::vector<Value> out(static_cast<std::size_t>(processors));
  const int result =
      ::bpf_map__lookup_elem(map, &key, sizeof key, out.data(), out.size() * sizeof(Value), 0);
  if (result == 0) return out;
  return fail_errno(-result, "cannot read a map", ::bpf_map__name(map));
}

}  // namespace anabranch::kernel
