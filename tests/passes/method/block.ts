/** A transformer block: LayerNorm, attention over 2×3 tokens, residual, LayerNorm, MLP with GELU, residual. */
export const BLOCK = `
graph @block () {
  %0 : f32[1, 6, 8] = input as "x"
  %c0 : f32[8] = const random(1)
  %c1 : f32[8] = const random(2)
  %c2 : f32[8, 8] = const random(3)
  %c3 : f32[8] = const random(4)
  %c4 : f32[8, 8] = const random(5)
  %c5 : f32[8, 8] = const random(6)
  %c6 : f32[8, 8] = const random(7)
  %c7 : f32[16, 8] = const random(8)
  %c8 : f32[8, 16] = const random(9)
  %c9 : f32[2, 2, 4] = const random(10)
  %c10 : f32[3, 3, 4] = const random(11)
  %1 : f32[1, 6, 8] = layer_norm(%0, %c0, %c1) {epsilon = 0.00001}
  %2 : f32[1, 6, 8] = linear(%1, %c2, %c3) {activation = none}
  %3 : f32[1, 6, 8] = linear(%1, %c4) {activation = none}
  %4 : f32[1, 6, 8] = linear(%1, %c5) {activation = none}
  %5 : f32[1, 6, 8] = attention(%2, %3, %4, _, %c9, %c10) {heads = 2, scale = 0.5}
  %6 : f32[1, 6, 8] = linear(%5, %c6, _, %0) {activation = none}
  %7 : f32[1, 6, 8] = layer_norm(%6, %c0, %c1) {epsilon = 0.00001}
  %8 : f32[1, 6, 16] = linear(%7, %c7) {activation = gelu}
  %9 : f32[1, 6, 8] = linear(%8, %c8, _, %6) {activation = none}
  output "y" = %9
}`;
