import { type Attention, attentionsOf, moduleOf } from './calibrate/attentions.js';
import type { QuantizationReport } from './calibrate/quantize-program.js';
import type { Graph } from './ir/graph.js';
import type { Bits } from './options.js';
