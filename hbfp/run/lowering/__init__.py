"""Operations that hold products beside other things, taken apart."""
