#include "plugin/state_envelope.hpp"

#include <gtest/gtest.h>

#include "causeway/ext/state.h"

namespace causeway::plugin {
namespace {

SavedState example() { return {"priority-mine", 7, {1, 2, 3, 0, 255}}; }

TEST(StateEnvelope, WhatWasSealedIsRead) {
  for (const SavedState& state :
       {example(), SavedState{"a", 0, {}}, SavedState{"b", 0xffffffff, Bytes(CW_MAX_STATE)}}) {
    const auto opened = open_state(seal_state(state));
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(*opened, state);
  }
}

TEST(StateEnvelope, ItsLayoutIsFixed) {
  // The checksum is that of a bit-by-bit CRC-32C (Castagnoli, reflected) over the last 11 bytes.
  const Bytes sealed = seal_state({"a", 2, {'1', '2', '3', '4', '5', '6', '7', '8', '9'}});
  EXPECT_EQ(to_hex(ByteView(sealed).first(16)), "435753540200000009000000e7af9d8d");
  EXPECT_EQ(as_text(ByteView(sealed).subspan(16)), std::string_view("\x01"
                                                                    "a123456789"));
}

TEST(StateEnvelope, AnyChangeOfOneByteIsNoticed) {
  const Bytes sealed = seal_state(example());
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    if (i >= 4 && i < 8) continue;  // the schema is the plugin's to judge
    Bytes changed = sealed;
    changed[i] ^= 0x20;
    EXPECT_FALSE(open_state(changed)) << i;
  }
}

TEST(StateEnvelope, CutOffAndOverlongOnesAreRefused) {
  Bytes sealed = seal_state(example());
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(open_state(ByteView(sealed).first(size))) << size;
  sealed.push_back(0);
  EXPECT_FALSE(open_state(sealed));
  EXPECT_FALSE(open_state(seal_state({"a", 1, Bytes(CW_MAX_STATE + 1)})));
}

}  // namespace
}  // namespace causeway::plugin
